#include "machine/io/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

namespace sixpn::machine {
namespace {

Result<void> write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return Error::from_errno("write");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> write_draft(const std::string& path, std::string_view bytes, Durability durability) {
  Fd file(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file) return Error::from_errno("open");
  if (auto written = write_all(file.get(), bytes); !written) return written;
  if (durability == Durability::kDisk && fsync(file.get()) != 0) return Error::from_errno("fsync");
  return {};
}

}  // namespace

Result<void> write_file_atomically(const std::string& path, std::string_view bytes,
                                   Durability durability) {
  std::string draft = path + ".tmp";
  auto written = write_draft(draft, bytes, durability);
  if (written && rename(draft.c_str(), path.c_str()) != 0) written = Error::from_errno("rename");
  if (!written) {
    unlink(draft.c_str());
    return std::move(written).error().within("writing " + path);
  }
  if (durability == Durability::kDisk) sync_folder(path.substr(0, path.rfind('/')));
  return {};
}

Result<std::string> read_file(const std::string& path, std::size_t max_bytes) {
  Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return Error::from_errno("reading " + path);
  std::string bytes;
  char buffer[4096];
  for (;;) {
    ssize_t got = read(file.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error::from_errno("reading " + path);
    if (got == 0) return bytes;
    bytes.append(buffer, static_cast<std::size_t>(got));
    if (bytes.size() > max_bytes) return Error("reading " + path + ": it is too large");
  }
}

void sync_folder(const std::string& folder) {
  Fd fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd) fsync(fd.get());
}

}  // namespace sixpn::machine
