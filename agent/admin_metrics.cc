// The admin API's metrics: gathered on the flycast loop, written as text on the control loop.
#include "agent/admin_api.h"
#include "agent/metrics_text.h"

namespace sixpn::agent {

void AdminApi::get_metrics(const Call&, Reply reply) {
  rooms_.read_meters(
      [this, reply](const flycast::FlycastStats& stats, const flycast::MeterReadings& readings) {
        reply.text(metrics_text(*rooms_.registry->snapshot(), stats, readings),
                   "text/plain; version=0.0.4; charset=utf-8");
      });
}

}  // namespace sixpn::agent
