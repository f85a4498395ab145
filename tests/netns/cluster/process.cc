#include "tests/netns/cluster/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <fstream>
#include <sstream>
#include <thread>
#include <utility>

#include "base/fd.h"

namespace sixpn::testing {
namespace {

int exit_status(int wait_status) {
  return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

// Never returns: becomes the program with its output on the two descriptors.
[[noreturn]] void become(const Words& argv, int out, int err) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  dup2(null, STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  std::vector<char*> words;
  for (const auto& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  execvp(words[0], words.data());
  dprintf(STDERR_FILENO, "exec %s: error %d\n", words[0], errno);
  _exit(127);
}

struct Pipe {
  Pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) == 0) {
      reader = Fd(ends[0]);
      writer = Fd(ends[1]);
    }
  }
  Fd reader;
  Fd writer;
};

// False at end of file.
bool drain(const Fd& fd, std::string& into) {
  char buffer[65536];
  ssize_t n = read(fd.get(), buffer, sizeof buffer);
  if (n > 0) into.append(buffer, static_cast<std::size_t>(n));
  return n > 0;
}

}  // namespace

Finished run(const Words& argv, std::chrono::milliseconds limit) {
  Pipe out;
  Pipe err;
  pid_t pid = fork();
  if (pid == 0) become(argv, out.writer.get(), err.writer.get());
  out.writer.close();
  err.writer.close();
  Finished finished;
  auto deadline = std::chrono::steady_clock::now() + limit;
  pollfd watched[2] = {{out.reader.get(), POLLIN, 0}, {err.reader.get(), POLLIN, 0}};
  bool timed_out = false;
  while (watched[0].fd >= 0 || watched[1].fd >= 0) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    timed_out = left.count() <= 0 || poll(watched, 2, static_cast<int>(left.count())) == 0;
    if (timed_out) {
      kill(pid, SIGKILL);
      break;
    }
    if (watched[0].revents && !drain(out.reader, finished.out)) watched[0].fd = -1;
    if (watched[1].revents && !drain(err.reader, finished.err)) watched[1].fd = -1;
  }
  int status = 0;
  waitpid(pid, &status, 0);
  finished.status = timed_out ? 124 : exit_status(status);
  return finished;
}

Process::Process(const Words& argv, const std::string& log_path) {
  Fd log(open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  pid_ = fork();
  if (pid_ == 0) become(argv, log.get(), log.get());
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), status_(other.status_) {}

Process& Process::operator=(Process&& other) noexcept {
  if (this != &other) {
    if (running()) signal(SIGKILL);
    wait();
    pid_ = std::exchange(other.pid_, -1);
    status_ = other.status_;
  }
  return *this;
}

Process::~Process() {
  if (running()) signal(SIGKILL);
  wait();
}

void Process::signal(int number) const {
  if (pid_ > 0) kill(pid_, number);
}

int Process::wait() {
  if (pid_ > 0) {
    int status = 0;
    waitpid(pid_, &status, 0);
    status_ = exit_status(status);
    pid_ = -1;
  }
  return status_;
}

bool Process::running() {
  if (pid_ <= 0) return false;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) == 0) return true;
  status_ = exit_status(status);
  pid_ = -1;
  return false;
}

bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds limit) {
  auto deadline = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
}

}  // namespace sixpn::testing
