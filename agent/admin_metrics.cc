// The admin API's metrics: gathered on the loops of the rooms, one after the other, and written as
// text on the control loop.
#include <memory>

#include "agent/admin_api.h"

namespace sixpn::agent {
namespace {

struct Gathered {
  MeshFacts mesh;
  AgentReadings readings;
};

}  // namespace

// With "?hosts=each" a line for each other host.
void AdminApi::get_metrics(const Call& call, Reply reply) {
  const std::string hosts = call.target.get("hosts");
  if (!hosts.empty() && hosts != "each")
    return reply.fail(Error("hosts: expected \"each\", found \"" + hosts + "\"", kInvalid));
  auto all = std::make_shared<Gathered>();
  auto write = [this, reply, all, each_host = !hosts.empty()] {
    add_own_readings(all->mesh, each_host, all->readings);
    reply.text(metrics_text(*rooms_.registry->snapshot(), all->readings),
               "text/plain; version=0.0.4; charset=utf-8");
  };
  auto read_meters = [this, all, write] {
    rooms_.read_meters(
        [all, write](const flycast::FlycastStats& stats, const flycast::MeterReadings& meters) {
          all->readings.flycast = stats;
          all->readings.meters = meters;
          write();
        });
  };
  auto report_uses = [this, all, read_meters] {
    rooms_.report_uses([all, read_meters](const machine::MachineUses& machines) {
      all->readings.machines = machines;
      read_meters();
    });
  };
  auto report_dns = [this, all, report_uses] {
    rooms_.report_dns([all, report_uses](const dns::Stats& dns) {
      all->readings.dns = dns;
      report_uses();
    });
  };
  auto report_devices = [this, all, report_dns] {
    rooms_.report_devices([all, report_dns](const mesh::CountersByDevice& devices) {
      all->readings.devices = devices;
      report_dns();
    });
  };
  rooms_.report_mesh([all, report_devices](const MeshFacts& mesh) {
    all->mesh = mesh;
    report_devices();
  });
}

// What is known on the control loop; warnings follow from what the others told.
void AdminApi::add_own_readings(const MeshFacts& mesh, bool each_host,
                                AgentReadings& readings) const {
  readings.registry = rooms_.registry->counters();
  readings.flooding = rooms_.registry->flooding();
  readings.wireguard_interface = rooms_.interface;
  readings.warnings = warnings(mesh, readings.dns).size();
  readings.on_disk = !rooms_.registry->disk_error();
  if (!each_host) return;
  EachHost& each = readings.each_host.emplace();
  each.mesh = mesh;
  for (const auto& [id, last] : rooms_.registry->last_heard())
    if (last.clock_ahead) each.clocks_ahead[id] = *last.clock_ahead;
}

}  // namespace sixpn::agent
