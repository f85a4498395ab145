// Quantities for people. Pure.
#pragma once

#include <cstdint>
#include <string>

namespace sixpn::cli {

std::string format_age(std::int64_t seconds);            // "0s", "59s", "12m", "3h", "2d"
std::string format_bytes(std::uint64_t bytes);           // "512 B", "1.5 KiB", "12.0 MiB"
std::string format_milliseconds(std::int64_t micros);    // "0.312 ms", "12.4 ms", "1530 ms"
std::string format_utc(std::int64_t unix_milliseconds);  // "2026-11-21 03:16:33 UTC"

}  // namespace sixpn::cli
