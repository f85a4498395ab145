// AgentStub: an HTTP/1.1 server on a unix socket with answers given by a test, which records what
// was asked. It knows nothing of the agent's meaning; raw sockets, so that the client's HTTP is
// checked by other code than its own. One thread; connections are served one after the other.
#pragma once

#include <sys/types.h>

#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"

namespace sixpn::cli {

struct StubRequest {
  std::string method;
  std::string target;
  std::string body;
};

class AgentStub {
 public:
  AgentStub();  // listens in a new folder under /tmp
  ~AgentStub();
  AgentStub(const AgentStub&) = delete;
  AgentStub& operator=(const AgentStub&) = delete;

  [[nodiscard]] const std::string& folder() const { return folder_; }
  [[nodiscard]] std::string socket_path() const { return folder_ + "/sixpnd.sock"; }

  // What `method target` gets; anything else gets 404. Status 0: the connection is closed instead.
  void answer(const std::string& method_and_target, unsigned status, const std::string& body);
  [[nodiscard]] std::vector<StubRequest> requests();

 private:
  void serve();
  void serve_one(const Fd& connection);

  struct Reply {
    unsigned status;
    std::string body;
  };
  std::string folder_;
  Fd listener_;
  Fd stop_event_;
  std::mutex mutex_;
  std::map<std::string, Reply> replies_;
  std::vector<StubRequest> requests_;
  std::thread thread_;
};

// A program that ran to its end.
struct ProgramRun {
  int exit_code = -1;  // 128 + signal when it was killed
  std::string out;
  std::string err;
};
ProgramRun run_program(const std::string& path, const std::vector<std::string>& arguments);

// A program whose output is read while it runs; killed when this is destroyed.
class RunningProgram {
 public:
  RunningProgram(const std::string& path, const std::vector<std::string>& arguments);
  ~RunningProgram();
  RunningProgram(const RunningProgram&) = delete;
  RunningProgram& operator=(const RunningProgram&) = delete;

  // Reads until the output so far equals `expected`, or a deadline of ten seconds has passed; gives
  // all that was printed so far.
  std::string output_until(const std::string& expected);
  [[nodiscard]] pid_t pid() const { return pid_; }
  // Waits for its end, ten seconds at most; -1 when it goes on.
  int exit_code();

 private:
  pid_t pid_ = 0;  // 0 once it was waited for
  Fd out_;
  std::string text_;
};

}  // namespace sixpn::cli
