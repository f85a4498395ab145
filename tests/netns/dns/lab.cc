#include "tests/netns/dns/lab.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>

#include "base/io/run_on.h"

namespace sixpn::dns::testing {
namespace {

// A machine has its own /etc and its own host name; a name with a dot in it would be a search
// domain to glibc.
constexpr const char* kEnter =
    "folder=$1; shift; "
    "mount --bind $folder/resolv.conf /etc/resolv.conf && "
    "mount --bind $folder/nsswitch.conf /etc/nsswitch.conf && "
    "mount --bind $folder/hosts /etc/hosts && "
    "hostname machine && exec \"$@\"";

constexpr int kStopPollMs = 50;

SnapshotPtr lab_snapshot() {
  World world;
  world.add(kAcme, {0x501, "app", kHostA});
  world.add(kAcme, {0x502, "app", kHostB});
  for (std::uint64_t id = 0; id < kBigAppMachines; ++id)
    world.add(kAcme, {0x1000 + id, "big", id % 2 == 0 ? kHostA : kHostB});
  return world.snapshot();
}

}  // namespace

Lab::Lab() {
  std::string name = std::filesystem::temp_directory_path() / "sixpn-dns-XXXXXX";
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
  folder_ = name;
  sixpn::testing::write_file(folder_ + "/resolv.conf",
                             std::string("nameserver ") + kResolver + "\n");
  sixpn::testing::write_file(folder_ + "/nsswitch.conf", "hosts: files dns\n");
  sixpn::testing::write_file(folder_ + "/hosts", "127.0.0.1 localhost\n::1 localhost\n");
  lay_link();
  link_ = std::make_unique<Capture>(machine_, "eth0");
  start_resolver();
  pages_ = mesh::tcp_listener(host_, {{}, 80});
  page_server_ = std::jthread([this](const std::stop_token& stop) { serve_pages(stop); });
}

Lab::~Lab() {
  page_server_ = {};
  run_on(loop_, [&] { service_.reset(); });
  loop_.stop();
  loop_.join();
  std::filesystem::remove_all(folder_);
}

void Lab::lay_link() {
  const std::string machine = to_string(asker()), resolver = kResolver;
  // The path as another process sees it.
  std::string inside = machine_.path();
  inside.replace(inside.find("self"), 4, std::to_string(getpid()));
  host_.must("ip link add m0 type veth peer name eth0 netns " + inside);
  host_.must("ip addr add " + resolver + "/128 dev m0 nodad");
  machine_.must("ip addr add " + machine + "/128 dev eth0 nodad");
  host_.must("ip link set m0 up");
  machine_.must("ip link set eth0 up");
  host_.must("ip route add " + machine + "/128 dev m0");
  // Behind the route to the machine: not in the table of local addresses, which comes first.
  host_.must("ip route add local fdaa::/16 dev lo table main");
  machine_.must("ip route add " + resolver + "/128 dev eth0");
  machine_.must("ip route add fdaa::/16 via " + resolver + " dev eth0");
  // The kernel tells of a new carrier later, and drops packets until then.
  if (!sixpn::testing::eventually([&] { return machine_.can_ping(*parse_ip6(resolver)); }))
    throw std::runtime_error("the lab's link does not come up");
}

void Lab::serve_pages(const std::stop_token& stop) {
  constexpr std::string_view kPage = "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhere\n";
  while (!stop.stop_requested()) {
    pollfd waiting{pages_.get(), POLLIN, 0};
    if (poll(&waiting, 1, kStopPollMs) < 1) continue;
    Fd connection(accept4(pages_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    char request[4096];
    if (read(connection.get(), request, sizeof request) > 0)
      send(connection.get(), kPage.data(), kPage.size(), MSG_NOSIGNAL);
  }
}

void Lab::start_resolver() {
  // Its threads, and theirs, are inside the namespace of the one that starts them.
  host_.run([&] { loop_.start_thread(); });
  std::string failure;
  run_on(loop_, [&] {
    DnsOptions options;
    options.listen = {{*parse_ip6(kResolver), 53}};
    options.upstreams = {{*parse_ip6("::1"), 9}};  // nobody: other names are SERVFAIL at once
    options.self = kHostA;
    options.region = "iad";
    options.threads = 2;
    service_ = std::make_unique<DnsService>(loop_, options);
    service_->set_snapshot(lab_snapshot());
    if (auto started = service_->start(); !started) failure = started.error().message;
  });
  if (!failure.empty()) throw std::runtime_error(failure);
}

void Lab::forget_registry() {
  World world;
  world.edit().synced = false;
  service_->set_snapshot(world.snapshot());
}

Finished Lab::run(const Words& argv, std::chrono::milliseconds limit) {
  Words words = {"unshare", "--mount", "--uts", "--propagation", "private", "sh",
                 "-c",      kEnter,    "sh",    folder_};
  words.insert(words.end(), argv.begin(), argv.end());
  Finished finished;
  machine_.run([&] { finished = sixpn::testing::run(words, limit); });
  return finished;
}

}  // namespace sixpn::dns::testing
