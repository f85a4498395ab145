#include "tools/cli/log_reader.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/fd.h"

namespace sixpn::cli {

namespace {

constexpr std::size_t kBlock = 64 * 1024;

Result<off_t> file_size(const Fd& file) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return Error::from_errno("log");
  return status.st_size;
}

Result<std::string> read_block(const Fd& file, off_t offset, std::size_t length) {
  std::string block(length, '\0');
  ssize_t n = ::pread(file.get(), block.data(), length, offset);
  if (n < 0) return Error::from_errno("log");
  block.resize(static_cast<std::size_t>(n));
  return block;
}

// Where the last `lines` lines begin, read backwards block by block. A last line without a newline
// counts.
Result<off_t> find_tail(const Fd& file, off_t size, std::int64_t lines) {
  if (lines == 0) return size;
  off_t start = size;
  while (start > 0) {
    auto length = std::min<off_t>(start, kBlock);
    start -= length;
    auto block = read_block(file, start, static_cast<std::size_t>(length));
    if (!block) return block.error();
    for (std::size_t i = block->size(); i > 0; --i) {
      off_t after = start + static_cast<off_t>(i);
      bool ends_a_line = (*block)[i - 1] == '\n' && after != size;
      if (ends_a_line && --lines == 0) return after;
    }
  }
  return off_t{0};
}

// Prints from `offset` to the end as it is now; gives that end.
Result<off_t> print_from(const Fd& file, off_t offset, std::ostream& out) {
  while (true) {
    auto block = read_block(file, offset, kBlock);
    if (!block) return block.error();
    if (block->empty()) break;
    out << *block;
    offset += static_cast<off_t>(block->size());
  }
  out.flush();
  return offset;
}

Result<void> wait_for_change(const Fd& watch) {
  alignas(inotify_event) char events[4096];
  if (::read(watch.get(), events, sizeof events) < 0 && errno != EINTR)
    return Error::from_errno("watching the log");
  return {};
}

Result<void> follow_log(const Fd& file, const Fd& watch, off_t offset, std::ostream& out) {
  while (out.good()) {
    auto end = print_from(file, offset, out);
    if (!end) return end.error();
    auto size = file_size(file);
    if (!size) return size.error();
    offset = *size < *end ? 0 : *end;
    if (offset == 0 && *size > 0) continue;
    if (auto changed = wait_for_change(watch); !changed) return changed;
  }
  return {};
}

}  // namespace

Result<void> print_log(const std::string& path, std::int64_t lines, bool follow,
                       std::ostream& out) {
  Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return Error::from_errno(path);
  // Watched before it is read: nothing that is appended in between is missed.
  Fd watch;
  if (follow) {
    watch = Fd(::inotify_init1(IN_CLOEXEC));
    if (!watch || ::inotify_add_watch(watch.get(), path.c_str(), IN_MODIFY) < 0)
      return Error::from_errno("watching " + path);
  }
  off_t start = 0;
  if (lines >= 0) {
    auto size = file_size(file);
    if (!size) return size.error();
    auto tail = find_tail(file, *size, lines);
    if (!tail) return tail.error();
    start = *tail;
  }
  if (follow) return follow_log(file, watch, start, out);
  auto printed = print_from(file, start, out);
  if (!printed) return printed.error();
  return {};
}

}  // namespace sixpn::cli
