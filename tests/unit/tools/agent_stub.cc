#include "tests/unit/tools/agent_stub.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <utility>

#include "base/io/clock.h"

extern char** environ;

namespace sixpn::cli {

namespace {

// Appends what arrives; false at the end of the stream.
bool read_more(int fd, std::string& into) {
  char buffer[4096];
  ssize_t n = ::read(fd, buffer, sizeof buffer);
  if (n <= 0) return false;
  into.append(buffer, static_cast<std::size_t>(n));
  return true;
}

std::size_t content_length(const std::string& head) {
  constexpr std::string_view kField = "\r\nContent-Length: ";
  std::size_t at = head.find(kField);
  return at == std::string::npos ? 0 : std::strtoul(head.c_str() + at + kField.size(), nullptr, 10);
}

bool read_request(int fd, StubRequest& request) {
  std::string bytes;
  std::size_t head_end;
  while ((head_end = bytes.find("\r\n\r\n")) == std::string::npos)
    if (!read_more(fd, bytes)) return false;
  std::size_t length = content_length(bytes.substr(0, head_end));
  while (bytes.size() < head_end + 4 + length)
    if (!read_more(fd, bytes)) return false;
  std::size_t first = bytes.find(' ');
  std::size_t second = bytes.find(' ', first + 1);
  request = {bytes.substr(0, first), bytes.substr(first + 1, second - first - 1),
             bytes.substr(head_end + 4)};
  return true;
}

// Reads both ends of a child until they close.
void drain(Fd out, Fd err, ProgramRun& run) {
  pollfd entries[2] = {{out.get(), POLLIN, 0}, {err.get(), POLLIN, 0}};
  std::string* texts[2] = {&run.out, &run.err};
  while (entries[0].fd >= 0 || entries[1].fd >= 0) {
    if (::poll(entries, 2, -1) < 0) throw std::runtime_error("poll");
    for (int i = 0; i < 2; ++i)
      if (entries[i].revents != 0 && !read_more(entries[i].fd, *texts[i])) entries[i].fd = -1;
  }
}

struct Pipe {
  Fd read_end;
  Fd write_end;
  Pipe() {
    int fds[2];
    if (::pipe2(fds, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
    read_end = Fd(fds[0]);
    write_end = Fd(fds[1]);
  }
};

// Standard error stays the test's own where `err` is null.
pid_t spawn(const std::string& path, const std::vector<std::string>& arguments, const Fd& out,
            const Fd* err) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, out.get(), STDOUT_FILENO);
  if (err != nullptr) posix_spawn_file_actions_adddup2(&actions, err->get(), STDERR_FILENO);
  std::vector<char*> words{const_cast<char*>(path.c_str())};
  for (const std::string& word : arguments) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  pid_t pid = 0;
  int failed = ::posix_spawn(&pid, path.c_str(), &actions, nullptr, words.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) throw std::runtime_error("cannot run " + path);
  return pid;
}

int wait_for(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

AgentStub::AgentStub()
    : listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)),
      stop_event_(::eventfd(0, EFD_CLOEXEC)) {
  char pattern[] = "/tmp/sixpn-cli-XXXXXX";
  folder_ = mkdtemp(pattern);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, socket_path().c_str(), sizeof address.sun_path - 1);
  if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener_.get(), 8) != 0)
    throw std::runtime_error("cannot listen on " + socket_path());
  thread_ = std::thread([this] { serve(); });
}

AgentStub::~AgentStub() {
  eventfd_write(stop_event_.get(), 1);
  thread_.join();
  std::filesystem::remove_all(folder_);
}

void AgentStub::answer(const std::string& method_and_target, unsigned status,
                       const std::string& body) {
  std::scoped_lock lock(mutex_);
  replies_[method_and_target] = {status, body};
}

std::vector<StubRequest> AgentStub::requests() {
  std::scoped_lock lock(mutex_);
  return requests_;
}

void AgentStub::serve() {
  pollfd entries[2] = {{listener_.get(), POLLIN, 0}, {stop_event_.get(), POLLIN, 0}};
  while (::poll(entries, 2, -1) > 0 && entries[1].revents == 0) {
    Fd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (connection) serve_one(connection);
  }
}

void AgentStub::serve_one(const Fd& connection) {
  StubRequest request;
  if (!read_request(connection.get(), request)) return;
  Reply reply{404, R"({"error":"the stub has no answer"})"};
  {
    std::scoped_lock lock(mutex_);
    requests_.push_back(request);
    auto found = replies_.find(request.method + " " + request.target);
    if (found != replies_.end()) reply = found->second;
  }
  if (reply.status == 0) return;
  std::string bytes = "HTTP/1.1 " + std::to_string(reply.status) +
                      " Status\r\nContent-Type: application/json\r\nContent-Length: " +
                      std::to_string(reply.body.size()) + "\r\n\r\n" + reply.body;
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    ssize_t n = ::send(connection.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) return;
    sent += static_cast<std::size_t>(n);
  }
}

ProgramRun run_program(const std::string& path, const std::vector<std::string>& arguments) {
  Pipe out;
  Pipe err;
  pid_t pid = spawn(path, arguments, out.write_end, &err.write_end);
  out.write_end.close();
  err.write_end.close();
  ProgramRun run;
  drain(std::move(out.read_end), std::move(err.read_end), run);
  int status = wait_for(pid);
  run.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return run;
}

RunningProgram::RunningProgram(const std::string& path, const std::vector<std::string>& arguments) {
  Pipe out;
  pid_ = spawn(path, arguments, out.write_end, nullptr);
  out_ = std::move(out.read_end);
}

RunningProgram::~RunningProgram() {
  if (pid_ == 0) return;
  ::kill(pid_, SIGKILL);
  wait_for(pid_);
}

int RunningProgram::exit_code() {
  std::string rest;
  pollfd entry{out_.get(), POLLIN, 0};
  // Its end closes the pipe.
  while (::poll(&entry, 1, 10'000) > 0) {
    if (read_more(out_.get(), rest)) continue;
    int status = wait_for(std::exchange(pid_, 0));
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  return -1;
}

std::string RunningProgram::output_until(const std::string& expected) {
  const Instant deadline = monotonic_now() + std::chrono::seconds(10);
  while (text_ != expected) {
    auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - monotonic_now()).count();
    pollfd entry{out_.get(), POLLIN, 0};
    if (left <= 0 || ::poll(&entry, 1, static_cast<int>(left)) <= 0) break;
    if (!read_more(out_.get(), text_)) break;
  }
  return text_;
}

}  // namespace sixpn::cli
