#include "mesh/io/private_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

namespace sixpn::mesh {
namespace {

constexpr mode_t kFileMode = 0600;
constexpr mode_t kFolderMode = 0700;

Result<void> check_owner_and_mode(const std::string& path, const struct stat& found,
                                  mode_t wanted) {
  if (found.st_uid != geteuid())
    return Error(
        fmt::format("{0} is owned by user {1}, it must be owned by user {2}: run chown {2} {0}",
                    path, found.st_uid, geteuid()));
  mode_t mode = found.st_mode & 07777;
  if (mode != wanted)
    return Error(fmt::format("{0} has mode {1:04o}, it must be {2:04o}: run chmod {2:o} {0}", path,
                             mode, wanted));
  return {};
}

Result<void> write_all(int fd, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    ssize_t written = ::write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Error::from_errno("writing " + path);
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fsync(fd) != 0) return Error::from_errno("writing " + path + " to disk");
  return {};
}

Result<void> write_new_file(const std::string& path, std::string_view content) {
  Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kFileMode));
  if (!fd) return Error::from_errno("creating " + path);
  // The process's umask may have taken bits away.
  if (::fchmod(fd.get(), kFileMode) != 0) return Error::from_errno("setting the mode of " + path);
  return write_all(fd.get(), content, path);
}

std::string parent_of(const std::string& path) {
  std::string parent = std::filesystem::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

}  // namespace

bool path_exists(const std::string& path) {
  struct stat found;
  return ::lstat(path.c_str(), &found) == 0 || errno != ENOENT;
}

Result<void> check_private_folder(const std::string& path) {
  struct stat found;
  if (::lstat(path.c_str(), &found) != 0) return Error::from_errno(path);
  if (!S_ISDIR(found.st_mode)) return Error(path + " is not a folder");
  return check_owner_and_mode(path, found, kFolderMode);
}

Result<std::string> read_private_file(const std::string& path) {
  // Not blocking: something that is no regular file (a pipe) is refused below, not waited for.
  Fd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd && errno == ELOOP) return Error(path + " is a symbolic link, it must be a file", ELOOP);
  if (!fd) return Error::from_errno("opening " + path);
  struct stat found;
  if (::fstat(fd.get(), &found) != 0) return Error::from_errno(path);
  if (!S_ISREG(found.st_mode)) return Error(path + " is not a regular file");
  if (auto safe = check_owner_and_mode(path, found, kFileMode); !safe)
    return std::move(safe).error();
  std::string content(kMaxPrivateFileBytes + 1, '\0');
  std::size_t size = 0;
  while (size < content.size()) {
    ssize_t got = ::read(fd.get(), content.data() + size, content.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error::from_errno("reading " + path);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > kMaxPrivateFileBytes)
    return Error(fmt::format("{} is larger than {} bytes", path, kMaxPrivateFileBytes));
  content.resize(size);
  return content;
}

Result<void> create_private_file(const std::string& path, std::string_view content) {
  const std::string unfinished = path + ".tmp";
  ::unlink(unfinished.c_str());  // of an attempt that a power cut interrupted
  auto written = write_new_file(unfinished, content);
  // link, unlike rename, never replaces.
  if (written && ::link(unfinished.c_str(), path.c_str()) != 0)
    written = Error::from_errno("creating " + path);
  ::unlink(unfinished.c_str());
  if (!written) return written;
  auto synced = sync_folder(parent_of(path));
  if (!synced) ::unlink(path.c_str());
  return synced;
}

Result<void> create_private_folder(const std::string& path) {
  if (::mkdir(path.c_str(), kFolderMode) != 0) return Error::from_errno("creating " + path);
  if (::chmod(path.c_str(), kFolderMode) != 0)
    return Error::from_errno("setting the mode of " + path);
  return {};
}

Result<void> sync_folder(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return Error::from_errno("opening " + path);
  if (::fsync(fd.get()) != 0) return Error::from_errno("writing " + path + " to disk");
  return {};
}

Result<Fd> lock_file(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, kFileMode));
  if (!fd) return Error::from_errno("opening " + path);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return Error::from_errno("locking " + path);
  return fd;
}

}  // namespace sixpn::mesh
