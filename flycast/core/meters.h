// Meters: what the metrics tell apart by app and by machine (docs/metrics.md): plain numbers, added
// to where things happen, copied when somebody asks. Not the counters of limits and failures
// (stats.h), and not what the balancer chooses by (load_view.h). Pure; each loop has its own.
//
// Bounds: kMostMetered apps, machines and services of machines each, kMostStatuses codes of each;
// what is beyond is counted in left_out() and nowhere else.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "flycast/core/limits.h"

namespace sixpn::flycast {

inline constexpr std::size_t kMostMetered = 4096;
inline constexpr std::size_t kMostStatuses = 32;

// How long things took, in classes.
struct TimeHistogram {
  // Upper bounds in seconds; the last class has none.
  static constexpr std::array kBounds = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                         0.25,  0.5,    1.0,   2.5,  5.0,   10.0};
  std::array<std::uint64_t, kBounds.size() + 1> counts{};
  Duration sum{};
  void add(Duration time);
  TimeHistogram& operator+=(const TimeHistogram& other);
};

// By status, in ascending order.
using ResponseTimes = std::map<int, TimeHistogram>;

struct ClientBytes;  // io/client_bytes.h

// Of an app's ports with the handler tls.
struct HandshakeMeter {
  std::map<std::string, TimeHistogram> times;   // those done, by version ("TLSv1.3")
  std::map<std::string, std::uint64_t> errors;  // by the name asked for; "" where that is not ours
  HandshakeMeter& operator+=(const HandshakeMeter& other);
};

// An app, as the clients of this host use it.
struct AppMeter {
  std::uint64_t connects = 0;
  std::uint64_t disconnects = 0;
  ResponseTimes responses;  // from the request's head to the response's, the proxy's own included
  HandshakeMeter handshakes;
  std::shared_ptr<ClientBytes> bytes;  // kept here for who moves them; null: nobody did yet
  // Not its bytes, which readings count.
  AppMeter& operator+=(const AppMeter& other);
};

// A machine, as this host's proxy meets it, wherever it lives.
struct MachineMeter {
  TimeHistogram connects;   // until it, or its owner, took the connection; not of those woken
  ResponseTimes responses;  // from the request to the response's head
  MachineMeter& operator+=(const MachineMeter& other);
};

// An app in its network.
using AppId = std::pair<NetworkId, std::string>;
using InstanceId = std::pair<NetworkId, MachineId>;

class Meters {
 public:
  // Null beyond the bounds; else it lives on, though it may be forgotten here.
  std::shared_ptr<AppMeter> app(NetworkId network, std::string_view name);
  // Of an app that is metered; else null, and nothing is counted as left out. The meters keep it.
  [[nodiscard]] HandshakeMeter* handshakes(NetworkId network, std::string_view name);
  std::shared_ptr<MachineMeter> machine(NetworkId network, MachineId machine);
  // Counts a connection to an app now, and its end when the token goes. Null of null.
  static std::shared_ptr<const void> connection(std::shared_ptr<AppMeter> meter);
  // Null meters are those beyond the bounds.
  void on_response(ResponseTimes* responses, int status, Duration time);

  template <class IsKnown>
  void forget_machines_unless(IsKnown is_known) {
    std::erase_if(machines_, [&](const auto& one) { return !is_known(one.first.second); });
  }

  [[nodiscard]] const std::map<AppId, std::shared_ptr<AppMeter>, std::less<>>& apps() const {
    return apps_;
  }
  [[nodiscard]] const std::map<InstanceId, std::shared_ptr<MachineMeter>>& machines() const {
    return machines_;
  }
  [[nodiscard]] std::uint64_t left_out() const { return left_out_; }

 private:
  std::map<AppId, std::shared_ptr<AppMeter>, std::less<>> apps_;
  std::map<InstanceId, std::shared_ptr<MachineMeter>> machines_;
  std::uint64_t left_out_ = 0;
};

// Connections that services of this host's machines were given.
class AdmissionMeter {
 public:
  void on_admitted(const ServiceKey& key);

  template <class IsKnown>
  void forget_machines_unless(IsKnown is_known) {
    std::erase_if(admitted_, [&](const auto& one) { return !is_known(one.first.machine); });
  }

  [[nodiscard]] const std::map<ServiceKey, std::uint64_t>& admitted() const { return admitted_; }
  [[nodiscard]] std::uint64_t left_out() const { return left_out_; }

 private:
  std::map<ServiceKey, std::uint64_t> admitted_;
  std::uint64_t left_out_ = 0;
};

// All of it at one moment, for the control loop.
struct MeterReadings {
  struct App {
    NetworkId network;
    std::string name;
    AppMeter meter;
    std::uint64_t data_in = 0;  // bytes
    std::uint64_t data_out = 0;
  };
  struct Machine {
    NetworkId network;
    MachineId machine;
    MachineMeter meter;
  };
  // A service of a machine of this host.
  struct Hosted {
    ServiceKey key;
    std::uint64_t admitted = 0;
    std::uint32_t open = 0;
    std::uint32_t queue = 0;  // waiting for a place
  };
  std::vector<App> apps;
  std::vector<Machine> machines;
  std::vector<Hosted> hosted;
  std::uint64_t left_out = 0;

  // What another loop read of the same apps and machines at that moment; not hosted ones. Both are
  // in ascending order.
  void add(MeterReadings other);
};

}  // namespace sixpn::flycast
