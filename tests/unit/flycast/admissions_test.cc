// The owner's admission, as loops on threads of their own use it.
#include "flycast/io/admissions.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>
#include <vector>

#include "base/io/run_on.h"

namespace sixpn::flycast {
namespace {

constexpr ServiceKey kWeb{MachineId{1}, 80};
constexpr HostId kHere{1};
constexpr auto kPatience = std::chrono::seconds(10);

// Two loops that ask, of which the first hands out.
struct AdmissionsTest : testing::Test {
  EventLoop home{"home"};
  EventLoop other{"other"};
  std::unique_ptr<Admissions> admissions;

  AdmissionsTest() {
    home.start_thread();
    other.start_thread();
    run_on(home, [this] { admissions = std::make_unique<Admissions>(home); });
  }
  ~AdmissionsTest() override {
    run_on(other, [this] { place.reset(); });
    run_on(home, [this] { admissions.reset(); });
  }

  // Joins the line on the other loop; what it is told comes with the thread that told.
  struct Told {
    std::optional<AdmissionTicket> ticket;
    bool on_own_loop = false;
  };
  std::future<Told> join(std::uint32_t limit) {
    auto told = std::make_shared<std::promise<Told>>();
    run_on(other, [&] {
      place = admissions->join(other, kWeb, limit, kHere,
                               [this, told](std::optional<AdmissionTicket> ticket) {
                                 place.reset();
                                 told->set_value({std::move(ticket), other.on_loop_thread()});
                               });
    });
    return told->get_future();
  }

  std::unique_ptr<Admissions::Place> place;  // of the other loop
};

TEST_F(AdmissionsTest, APlaceThatComesFreeIsHandedToWhoWaitsOnAnotherLoop) {
  auto held = admissions->admit(kWeb, 1);
  ASSERT_TRUE(held);
  EXPECT_FALSE(admissions->admit(kWeb, 1));
  auto told = join(1);
  EXPECT_EQ(admissions->length(kWeb), 1u);
  held.reset();
  ASSERT_EQ(told.wait_for(kPatience), std::future_status::ready);
  Told turn = told.get();
  EXPECT_TRUE(turn.ticket);
  EXPECT_TRUE(turn.on_own_loop);
  EXPECT_EQ(admissions->open(kWeb), 1u);
  turn.ticket.reset();
  EXPECT_EQ(admissions->open(kWeb), 0u);
  EXPECT_EQ(admissions->joined(), 1u);
}

TEST_F(AdmissionsTest, WhoWaitsTooLongIsRefusedOnItsLoop) {
  auto held = admissions->admit(kWeb, 1);
  auto told = join(1);
  ASSERT_EQ(told.wait_for(kPatience), std::future_status::ready);
  Told turn = told.get();
  EXPECT_FALSE(turn.ticket);
  EXPECT_TRUE(turn.on_own_loop);
  EXPECT_EQ(admissions->refused(), 1u);
}

// The answer is on its way to a loop on which nobody waits any more: the place is for the next.
TEST_F(AdmissionsTest, APlaceForOneThatHasLeftIsGivenBack) {
  auto held = admissions->admit(kWeb, 1);
  auto told = join(1);
  std::promise<void> leave;
  std::promise<void> busy;
  other.post([&] {
    busy.set_value();
    leave.get_future().wait();
    place.reset();
  });
  busy.get_future().wait();
  held.reset();
  run_on(home, [] {});  // it has been handed out
  EXPECT_EQ(admissions->open(kWeb), 1u);
  leave.set_value();
  run_on(other, [] {});
  run_on(other, [] {});  // the answer came behind the first
  EXPECT_EQ(admissions->open(kWeb), 0u);
  EXPECT_THROW(told.get(), std::future_error) << "it is not told";
}

TEST_F(AdmissionsTest, AMachineThatIsHeldTakesNobody) {
  admissions->hold(kWeb.machine);
  EXPECT_FALSE(admissions->admit(kWeb, 0));
  EXPECT_FALSE(admissions->admit(kWeb, 5));
  run_on(other, [&] {
    EXPECT_EQ(admissions->join(other, kWeb, 5, kHere, [](auto) {}), nullptr)
        << "it is not full: there is nothing to wait for";
  });
  admissions->release(kWeb.machine);
  EXPECT_TRUE(admissions->admit(kWeb, 5));
}

TEST_F(AdmissionsTest, TheLimitHoldsForManyThreads) {
  constexpr std::uint32_t kLimit = 3;
  std::atomic<std::uint32_t> open = 0;
  std::atomic<std::uint32_t> most = 0;
  std::atomic<int> admitted = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 20'000; ++i) {
        auto ticket = admissions->admit(kWeb, kLimit);
        if (!ticket) continue;
        std::uint32_t now = ++open;
        for (std::uint32_t seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
        }
        ++admitted;
        --open;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(most, kLimit);
  EXPECT_GE(admitted, 20'000);
  EXPECT_EQ(admissions->open(kWeb), 0u);
  EXPECT_EQ(admissions->read_meter([](auto& meter) { return meter.admitted().at(kWeb); }),
            static_cast<std::uint64_t>(admitted));
}

TEST_F(AdmissionsTest, ATicketMayOutliveThem) {
  auto held = admissions->admit(kWeb, 1);
  run_on(home, [this] { admissions.reset(); });
  held.reset();
  run_on(home, [this] { admissions = std::make_unique<Admissions>(home); });
}

}  // namespace
}  // namespace sixpn::flycast
