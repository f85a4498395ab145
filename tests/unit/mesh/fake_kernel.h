// A kernel in memory: does what apply_step says, and fails the calls that a test names.
#pragma once

#include <set>

#include "mesh/io/mesh_kernel.h"

namespace sixpn::mesh {

class FakeKernel : public MeshKernel {
 public:
  // Shared with the test, which outlives the service that owns the kernel.
  struct State {
    ObservedMesh mesh;
    int calls = 0;
    int fail_call = -1;  // the number of the call that fails, counted from 0
    int observations = 0;
    std::set<std::string> broken_veths;  // steps of these fail
    std::vector<MeshStep> applied;
    OnEvent on_event;
  };

  explicit FakeKernel(State& state) : state_(state) {}

  Result<void> open(EventLoop&, const MeshOptions&, OnEvent on_event) override {
    state_.on_event = std::move(on_event);
    return {};
  }
  [[nodiscard]] std::string_view backend() const override { return "fake"; }

  Result<ObservedMesh> observe(const DesiredMesh&) override {
    ++state_.observations;
    if (fails()) return Error("fake observation failure");
    return state_.mesh;
  }
  Result<std::optional<ObservedVeth>> observe_veth(const Veth& desired) override {
    if (fails()) return Error("fake observation failure");
    auto found = state_.mesh.veths.find(desired.name);
    if (found == state_.mesh.veths.end()) return std::optional<ObservedVeth>();
    return std::optional(found->second);
  }
  Result<std::map<PublicKey, ObservedPeer>> observe_peers(Plane plane) override {
    if (fails()) return Error("fake observation failure");
    return state_.mesh.tunnel(plane).peers;
  }

  Result<void> apply(const MeshStep& step) override {
    if (fails() || state_.broken_veths.contains(veth_of(step))) return Error("fake failure");
    run(step);
    return {};
  }

  // Like wireguard-go, what comes before the failure stays.
  Result<void> apply_peers(Plane, std::span<const PeerStep> steps) override {
    bool failing = fails();
    std::size_t count = failing ? steps.size() / 2 : steps.size();
    for (const auto& step : steps.first(count))
      std::visit([this](const auto& s) { run(MeshStep(s)); }, step);
    if (failing) return Error("fake failure");
    return {};
  }

  std::vector<std::string> find_warnings() override { return {"a warning"}; }

 private:
  bool fails() { return state_.calls++ == state_.fail_call; }
  void run(const MeshStep& step) {
    apply_step(step, state_.mesh);
    state_.applied.push_back(step);
  }

  State& state_;
};

}  // namespace sixpn::mesh
