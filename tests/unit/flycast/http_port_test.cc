#include "flycast/core/http_port.h"

#include <gtest/gtest.h>

#include "tests/unit/flycast/test_cluster.h"

namespace sixpn::flycast {
namespace {

Route route_in(const ServiceTable& table) {
  auto routed = table.route(kNetwork, kDialled);
  return std::get<Route>(routed);
}

TEST(HttpPort, TheRecordsOptions) {
  TestCluster cluster;
  cluster.add_host(1, "iad", Duration::zero());
  Service& service = cluster.app.services[0];
  service.concurrency = ConcurrencyType::kRequests;
  service.ports[0].handlers = {"http"};
  service.ports[0].http.idle_timeout = std::chrono::seconds(7);
  service.ports[0].http.headers_read_timeout = std::chrono::seconds(3);
  service.ports[0].http.response_headers = {{"X-A", {"1", "2"}}, {"Server", {}}};
  ServiceTable table(cluster.snapshot(1));
  EXPECT_TRUE(table.is_http(kNetwork, kDialled));
  HttpPort port = http_port_of(route_in(table));
  EXPECT_TRUE(port.counts_requests);
  EXPECT_EQ(port.idle_timeout, std::chrono::seconds(7));
  EXPECT_EQ(port.head_timeout, std::chrono::seconds(3));
  ResponseHead head;
  head.fields.add("X-A", "0");
  prepare_response(head, port, "id");
  EXPECT_EQ(head.fields.count("X-A"), 2u);
  EXPECT_FALSE(head.fields.contains("Server"));
  EXPECT_EQ(head.fields.find("Fly-Request-Id"), "id");
}

TEST(HttpPort, OthersAreNotHttp) {
  TestCluster cluster;
  cluster.add_host(1, "iad", Duration::zero());
  EXPECT_FALSE(ServiceTable(cluster.snapshot(1)).is_http(kNetwork, kDialled));
  EXPECT_FALSE(ServiceTable().is_http(kNetwork, kDialled));
  EXPECT_FALSE(ServiceTable(cluster.snapshot(1)).is_http(kOtherNetwork, kDialled));
}

TEST(HttpPort, ARequestWithoutAHostIsGivenTheAddressThatWasDialled) {
  RequestHead request;
  request.is_http10 = true;
  prepare_request(request, HttpArrival(kFlycast, kDialled, "iad"), "id");
  EXPECT_EQ(request.host, to_string(kDialled));
  EXPECT_EQ(request.fields.find("Fly-Region"), "iad");
  EXPECT_TRUE(request.fields.find("Via")->starts_with("1.0 "));
}

}  // namespace
}  // namespace sixpn::flycast
