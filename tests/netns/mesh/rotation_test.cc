// A change of WireGuard keys over the spare device, between real devices of either backend: the
// mesh's part of it (the whole is tests/netns/cluster/rotation_test.cc).
#include <gmock/gmock.h>

#include <future>

#include "base/io/clock.h"
#include "mesh/core/key_rotation.h"
#include "tests/netns/mesh/lab.h"

namespace sixpn::mesh {
namespace {

using namespace std::chrono_literals;
using Action = KeyRotation::Action;

constexpr NetworkId kNet{0x11};
constexpr std::uint16_t kSparePort = 51822;

// What the agent does: keys to the mesh, then the host record to everyone.
class Rotating {
 public:
  Rotating(Lab& lab, int hosts) : lab_(lab) {
    for (int number = 1; number <= hosts; ++number) {
      LabHost& host = lab.host(number);
      host.stop();
      host.options.spare = {generate_wireguard_key(), kSparePort};
      host.start();
      publish(host);
    }
  }

  void enter(LabHost& host, Rotation phase) {
    host.options.rotation = phase;
    host.on_loop([&] {
      host.service->set_keys(host.options.private_key, host.options.spare->private_key, phase);
    });
    publish(host);
    driver_.enter(phase, false, monotonic_now());
  }

  Action ask(LabHost& host) {
    std::map<HostId, LinkState> links;
    host.on_loop([&] { links = host.service->links(); });
    return driver_.update(*lab_.snapshot_for(host.id), links, monotonic_now()).action;
  }

 private:
  void publish(LabHost& host) {
    host.record.wireguard_key = wireguard_public_key(host.options.private_key);
    host.record.spare_key = wireguard_public_key(host.options.spare->private_key);
    host.record.spare_port = kSparePort;
    host.record.rotation = host.options.rotation;
    lab_.publish();
  }

  Lab& lab_;
  KeyRotation driver_;
};

// 200 packets a second and their answers.
std::future<std::string> flood(const LabMachine& from, const LabMachine& to, int packets) {
  return std::async(std::launch::async, [&from, &to, packets] {
    std::string out;
    from.netns.exec({"ping", "-6", "-n", "-q", "-i", "0.005", "-W", "2", "-c",
                     std::to_string(packets), to_string(to.address())},
                    &out);
    return out;
  });
}

TEST(MeshRotation, ANewKeyCostsNoPacketInEitherDirection) {
  Lab lab(3);
  Rotating rotating(lab, 3);
  LabMachine& one = lab.add_machine(1, kNet);
  LabMachine& two = lab.add_machine(2, kNet);
  LabMachine& three = lab.add_machine(3, kNet);
  for (const LabMachine* other : {&two, &three}) {
    ASSERT_TRUE(eventually([&] { return one.netns.can_ping(other->address()); }));
    ASSERT_TRUE(eventually([&] { return other->netns.can_ping(one.address()); }));
  }
  LabHost& host = lab.host(1);
  PublicKey old_key = host.record.wireguard_key;
  std::vector<std::future<std::string>> floods;
  floods.push_back(flood(one, two, 3000));
  floods.push_back(flood(two, one, 3000));
  floods.push_back(flood(three, one, 3000));

  rotating.enter(host, Rotation::kLeave);
  ASSERT_TRUE(eventually([&] { return rotating.ask(host) == Action::kChangeKey; }, 30s));
  for (const auto& report : host.report()) EXPECT_TRUE(report.on_spare);
  host.options.private_key = generate_wireguard_key();
  rotating.enter(host, Rotation::kReturn);
  ASSERT_TRUE(eventually([&] { return rotating.ask(host) == Action::kFinish; }, 30s));
  host.options.spare->private_key = generate_wireguard_key();
  rotating.enter(host, Rotation::kNone);

  for (auto& each : floods)
    EXPECT_EQ(each.wait_for(0s), std::future_status::timeout) << "ended before the rotation did";
  for (auto& each : floods) EXPECT_THAT(each.get(), testing::HasSubstr(" 0% packet loss"));
  EXPECT_NE(host.record.wireguard_key, old_key);
  for (int number = 1; number <= 3; ++number) {
    LabHost& each = lab.host(number);
    EXPECT_TRUE(eventually([&] {
      auto plan = each.plan();
      return plan && plan->empty();
    }));
    std::string links;
    each.netns.exec({"ip", "-br", "link"}, &links);
    EXPECT_THAT(links, testing::Not(testing::HasSubstr(spare_interface(each.interface))));
    for (const auto& report : each.report()) EXPECT_FALSE(report.on_spare);
  }
}

}  // namespace
}  // namespace sixpn::mesh
