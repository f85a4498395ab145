// A running DnsService on loopback: [::1] sees network acme, 127.0.0.1 sees globex.
#pragma once

#include <gtest/gtest.h>

#include <memory>

#include "base/io/event_loop.h"
#include "base/io/run_on.h"
#include "base/log.h"
#include "dns/io/dns_service.h"
#include "loopback.h"
#include "parsed_reply.h"
#include "world.h"

namespace sixpn::dns::testing {

class ServiceTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { log::set_level(log::Level::kWarn); }

  DnsOptions options() const {
    DnsOptions options;
    options.listen = {{*parse_ip("::1"), 0}, {*parse_ip("127.0.0.1"), 0}};
    // Nobody listens on the discard port: forwarding fails unless a test names an upstream.
    options.upstreams = {{*parse_ip("::1"), 9}};
    options.self = kHostA;
    options.region = "iad";
    options.extra_views = {{*parse_prefix6("::1/128"), kAcme},
                           {*parse_prefix6("::ffff:127.0.0.0/104"), kGlobex}};
    return options;
  }

  void start(const DnsOptions& chosen) {
    loop_.start_thread();
    on_loop([&] {
      service_ = std::make_unique<DnsService>(loop_, chosen);
      service_->set_snapshot(World().snapshot());
      auto started = service_->start();
      ASSERT_TRUE(started) << started.error().message;
      endpoints_ = service_->local_endpoints();
    });
  }

  void TearDown() override {
    if (service_) on_loop([&] { service_.reset(); });
  }

  template <class F>
  void on_loop(F task) {
    run_on(loop_, task);
  }

  Stats stats() {
    Stats now;
    on_loop([&] { now = service_->stats(); });
    return now;
  }

  // Until `check` of the statistics holds, or patience ends.
  template <class Check>
  bool eventually(Check check) {
    auto end = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < end) {
      if (check(stats())) return true;
      std::this_thread::yield();
    }
    return false;
  }

  [[nodiscard]] const IpEndpoint& six() const { return endpoints_.at(0); }
  [[nodiscard]] const IpEndpoint& four() const { return endpoints_.at(1); }

  ParsedReply ask(const QueryBytes& query) {
    auto reply = udp_ask(six(), encode(query));
    EXPECT_TRUE(reply) << query.name;
    return reply ? *parse_reply(*reply) : ParsedReply{};
  }

  EventLoop loop_{"dns"};
  std::unique_ptr<DnsService> service_;
  std::vector<IpEndpoint> endpoints_;
};

}  // namespace sixpn::dns::testing
