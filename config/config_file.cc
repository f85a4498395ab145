#include "config/config_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/result.h"

namespace sixpn::config {

namespace {

ConfigErrors whole_file_error(const std::string& path, std::string message) {
  return {{path, 0, 0, std::move(message)}};
}

}  // namespace

ConfigResult<std::string> read_config_file(const std::string& path) {
  // O_NONBLOCK: opening a named pipe must not wait for a writer.
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return whole_file_error(path, "cannot be read: " + Error::errno_text(errno));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0)
    return whole_file_error(path, "cannot be read: " + Error::errno_text(errno));
  if (S_ISDIR(status.st_mode)) return whole_file_error(path, "is a directory, not a file");
  if (!S_ISREG(status.st_mode)) return whole_file_error(path, "is not a regular file");

  std::string text;
  char buffer[16 * 1024];
  while (text.size() <= kMaxConfigBytes) {
    ssize_t n = ::read(fd.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return whole_file_error(path, "cannot be read: " + Error::errno_text(errno));
    if (n == 0) return text;
    text.append(buffer, static_cast<std::size_t>(n));
  }
  return whole_file_error(path, fmt::format("is larger than {} KiB", kMaxConfigBytes / 1024));
}

}  // namespace sixpn::config
