# Every foreign library, found once. All are Debian 12 packages (tools/setup installs them).
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(GTest REQUIRED)
include(GoogleTest)
find_package(Protobuf REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(benchmark REQUIRED)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(MNL REQUIRED IMPORTED_TARGET libmnl)
pkg_check_modules(LDNS REQUIRED IMPORTED_TARGET ldns)
pkg_check_modules(CARES REQUIRED IMPORTED_TARGET libcares)
pkg_check_modules(NGHTTP2 REQUIRED IMPORTED_TARGET libnghttp2)
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
pkg_check_modules(TOMLPP REQUIRED IMPORTED_TARGET tomlplusplus)

# The embeddable WireGuard library: source only, in the documentation of wireguard-tools. tools/setup
# puts it in place where documentation is excluded from packages.
find_path(WIREGUARD_EMBEDDABLE_DIR wireguard.c
  PATHS /usr/share/doc/wireguard-tools/examples/embeddable-wg-library
        ${PROJECT_SOURCE_DIR}/build/wireguard-embeddable
  NO_DEFAULT_PATH)
if(NOT WIREGUARD_EMBEDDABLE_DIR)
  message(FATAL_ERROR "the embeddable WireGuard library (wireguard.c) is missing: run tools/setup")
endif()
