#include "registry/io/registry_log.h"

#include "base/log.h"

namespace sixpn::registry {
namespace {

std::string name_of(const Store& store, HostId host) {
  const HostCertificate* certificate = store.certificate_of(host);
  return certificate != nullptr ? certificate->invite.name : to_string(host);
}

}  // namespace

void log_setback(const Disk::Setback& setback) {
  if (!setback.set_aside.empty())
    log::error("registry",
               "the database was damaged ({}) and is kept as {}; {} records could be taken from "
               "it, and other hosts bring the rest",
               setback.reason, setback.set_aside, setback.salvaged);
  else if (setback.was_missing)
    log::warn("registry",
              "the database is gone or empty, though this folder was in use before; other hosts "
              "bring its content");
}

void log_unreadable(std::size_t count) {
  if (count > 0)
    log::warn("registry",
              "{} rows on disk are no valid records (damaged, or of another version); they are "
              "ignored, and other hosts bring what they were",
              count);
}

void log_later_life() {
  log::warn("registry",
            "own records of a later life came back from other hosts (was the state restored "
            "from a backup?); continuing above them");
}

void log_floods(const std::vector<FloodGuard::Report>& floods, const Snapshot* snapshot) {
  for (const auto& flood : floods) {
    const HostView* view = snapshot != nullptr ? snapshot->find_host(flood.host) : nullptr;
    log::warn("registry", "host {} {}: {} dropped, and more as long as it goes on",
              view != nullptr ? view->record.name : to_string(flood.host), to_string(flood.kind),
              flood.dropped);
  }
}

void log_members(const Gossip::Output& out, const Store& store, std::uint16_t port) {
  for (const auto& death : out.deaths) {
    std::string names;
    for (HostId accuser : death.accusers)
      names += (names.empty() ? "" : ", ") + name_of(store, accuser);
    if (death.proven) {
      log::info("registry", "host {} is down: it does not answer {}", name_of(store, death.host),
                names);
    } else {
      log::warn("registry",
                "host {} does not answer this host, and too few others say so ({}): it is down "
                "here only",
                name_of(store, death.host), names);
    }
  }
  for (HostId host : out.tcp_only)
    log::warn("registry",
              "host {} answers by TCP and not by UDP: something between us drops UDP port {}",
              name_of(store, host), port);
}

void log_twin() {
  log::error("registry",
             "another process answers under this host's id with this host's keys: was the disk "
             "cloned? Stop one of them");
}

void log_hosts(const Snapshot& before, const Snapshot& after) {
  // Side by side: with a thousand hosts, to look each of them up takes longer than all the rest.
  auto old = before.hosts.begin();
  for (const auto& [id, view] : after.hosts) {
    while (old != before.hosts.end() && old->first < id) ++old;
    const HostView* known = old != before.hosts.end() && old->first == id ? &old->second : nullptr;
    if (known == nullptr) {
      log::info("registry", "host {} ({}) is known now", view.record.name, view.record.region);
    } else if (known->status != view.status) {
      log::info("registry", "host {} is {}, was {}", view.record.name, to_string(view.status),
                to_string(known->status));
    }
  }
  auto present = after.hosts.begin();
  for (const auto& [id, view] : before.hosts) {
    while (present != after.hosts.end() && present->first < id) ++present;
    if (present == after.hosts.end() || present->first != id)
      log::warn("registry", "host {} {}: it is out of WireGuard, membership and all answers",
                view.record.name,
                after.revocations.contains(id) ? "is revoked"
                                               : "is shut out, its certificate expired long ago");
  }
  if (after.revocations.contains(after.self) && !before.revocations.contains(after.self))
    log::error("registry",
               "this host is revoked: the other hosts deal with it no more (guide.md: "
               "revoking a host)");
}

}  // namespace sixpn::registry
