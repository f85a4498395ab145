#include "flycast/io/machine_drain.h"

#include <utility>

namespace sixpn::flycast {
namespace {

class MachineDrain : public Session, public std::enable_shared_from_this<MachineDrain> {
 public:
  MachineDrain(ProxyState& state, SessionId id, std::unique_ptr<HttpStream> machine,
               const KeptMachines::Key& keep_as, SessionTickets tickets)
      : state_(state),
        id_(id),
        machine_(std::move(machine)),
        keep_as_(keep_as),
        tickets_(std::move(tickets)),
        grace_(state.loop, [this] { state_.end(id_); }) {}

  void start() {
    machine_->set_ready([weak = weak_from_this()] {
      if (auto self = weak.lock()) self->go_on();
    });
    grace_.arm_after(kDrainGrace);
    go_on();
  }

 private:
  // Last: the session may end.
  void go_on() {
    if (!machine_) return;
    machine_->flush();
    if (!machine_->broken() && machine_->held() != 0) return;
    if (!machine_->broken())
      state_.kept_machines.keep(keep_as_, std::move(machine_), state_.most_kept());
    state_.end(id_);
  }

  ProxyState& state_;
  SessionId id_;
  std::unique_ptr<HttpStream> machine_;
  KeptMachines::Key keep_as_;
  SessionTickets tickets_;
  LoopTimer grace_;
};

}  // namespace

void start_machine_drain(ProxyState& state, std::unique_ptr<HttpStream> machine,
                         const KeptMachines::Key& keep_as, SessionTickets tickets) {
  SessionId id = state.next_id();
  auto session =
      std::make_shared<MachineDrain>(state, id, std::move(machine), keep_as, std::move(tickets));
  state.keep(id, session);
  session->start();
}

}  // namespace sixpn::flycast
