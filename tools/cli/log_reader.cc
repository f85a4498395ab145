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

Result<Fd> open_log(const std::string& path) {
  Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return Error::from_errno(path);
  return file;
}

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
Result<off_t> find_tail(const Fd& file, std::int64_t lines) {
  if (lines < 0) return off_t{0};
  auto size = file_size(file);
  if (!size || lines == 0) return size;
  off_t start = *size;
  while (start > 0) {
    auto length = std::min<off_t>(start, kBlock);
    start -= length;
    auto block = read_block(file, start, static_cast<std::size_t>(length));
    if (!block) return block.error();
    for (std::size_t i = block->size(); i > 0; --i) {
      off_t after = start + static_cast<off_t>(i);
      bool ends_a_line = (*block)[i - 1] == '\n' && after != *size;
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

bool is_at(const Fd& file, const std::string& path) {
  struct stat opened {};
  struct stat named {};
  return ::fstat(file.get(), &opened) == 0 && ::stat(path.c_str(), &named) == 0 &&
         opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

// A log and the kernel's notices about it and its folder.
class LogFollower {
 public:
  explicit LogFollower(std::string path) : path_(std::move(path)) {}

  // Watches before it opens: nothing that is appended in between is missed.
  Result<void> open() {
    notices_ = Fd(::inotify_init1(IN_CLOEXEC));
    if (!notices_) return Error::from_errno("watching the log");
    std::string folder = path_.substr(0, path_.rfind('/'));
    folder_watch_ = ::inotify_add_watch(notices_.get(), folder.c_str(),
                                        IN_CREATE | IN_MOVED_TO | IN_MOVE_SELF | IN_ONLYDIR);
    if (folder_watch_ < 0) return Error::from_errno("watching " + folder);
    return open_file();
  }

  Result<void> follow(std::int64_t lines, std::ostream& out) {
    auto start = find_tail(file_, lines);
    if (!start) return start.error();
    offset_ = *start;
    while (out.good()) {
      if (auto printed = print_news(out); !printed) return printed;
      auto goes_on = wait();
      if (!goes_on) return goes_on.error();
      if (!*goes_on) return print_news(out);
    }
    return {};
  }

 private:
  Result<void> open_file() {
    ::inotify_add_watch(notices_.get(), path_.c_str(), IN_MODIFY);
    auto file = open_log(path_);
    if (!file) return file.error();
    file_ = std::move(*file);
    offset_ = 0;
    return {};
  }

  // What was appended to the file, and to the one that took its place. Whether that happened is
  // asked first: then all of the old file is there to be read.
  Result<void> print_news(std::ostream& out) {
    bool replaced = !is_at(file_, path_);
    auto size = file_size(file_);
    if (!size) return size.error();
    if (*size < offset_) offset_ = 0;
    auto end = print_from(file_, offset_, out);
    if (!end) return end.error();
    offset_ = *end;
    if (!replaced || !open_file()) return {};
    return print_news(out);
  }

  // False once the folder is gone.
  Result<bool> wait() {
    alignas(inotify_event) char buffer[4096];
    ssize_t n = ::read(notices_.get(), buffer, sizeof buffer);
    if (n < 0 && errno != EINTR) return Error::from_errno("watching the log");
    for (ssize_t at = 0; at < n;) {
      const auto* notice = reinterpret_cast<const inotify_event*>(buffer + at);
      if (notice->wd == folder_watch_ && (notice->mask & IN_MOVE_SELF) != 0) return false;
      at += static_cast<ssize_t>(sizeof(inotify_event) + notice->len);
    }
    return true;
  }

  std::string path_;
  Fd notices_;
  int folder_watch_ = -1;
  Fd file_;
  off_t offset_ = 0;
};

}  // namespace

Result<void> print_log(const std::string& path, std::int64_t lines, std::ostream& out) {
  auto file = open_log(path);
  if (!file) return file.error();
  auto start = find_tail(*file, lines);
  if (!start) return start.error();
  auto printed = print_from(*file, *start, out);
  if (!printed) return printed.error();
  return {};
}

Result<void> follow_log(const std::string& path, std::int64_t lines, std::ostream& out) {
  LogFollower follower(path);
  if (auto opened = follower.open(); !opened) return opened;
  return follower.follow(lines, out);
}

}  // namespace sixpn::cli
