// Programs run by the namespace tests: one-shot commands with their output, and long-running
// processes that die with the test. Nothing here is ever stopped by name: only by the id of what
// was started.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace sixpn::testing {

using Words = std::vector<std::string>;

struct Finished {
  int status = -1;  // exit code; 128 + signal when killed; 124 when it ran out of time
  std::string out;
  std::string err;
};

// Runs a program to its end; kills it after `limit`.
Finished run(const Words& argv, std::chrono::milliseconds limit = std::chrono::seconds(30));

// A process in the background with its output appended to a file.
class Process {
 public:
  Process() = default;
  Process(const Words& argv, const std::string& log_path);
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process();  // SIGKILL, if it still runs

  [[nodiscard]] pid_t pid() const { return pid_; }
  void signal(int number) const;
  // Waits for the end; the exit status as in Finished.
  int wait();
  [[nodiscard]] bool running();

 private:
  pid_t pid_ = -1;
  int status_ = -1;
};

// Polls `condition` until it holds or `limit` is over; returns whether it held.
bool eventually(const std::function<bool()>& condition,
                std::chrono::milliseconds limit = std::chrono::seconds(30));

std::string read_file(const std::string& path);
void write_file(const std::string& path, const std::string& text);

}  // namespace sixpn::testing
