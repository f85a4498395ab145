#include "mesh/core/firewall.h"

#include "mesh/core/options.h"
#include "registry/core/address.h"

namespace sixpn::mesh {
namespace {

void add_network(NetworkId network, HostId self, std::set<SetElement>& elements) {
  std::string whole = to_string(network_prefix(network));
  std::string proxy = to_string(proxy_address(network, self));
  elements.insert({kSameNetwork, {whole, whole}});
  elements.insert({kFlycast, {whole, to_string(flycast_prefix(network))}});
  elements.insert({kHostProxies, {whole, proxy}});
  elements.insert({kLocalSources, {proxy}});
}

}  // namespace

Firewall make_firewall(const std::string& wireguard_interface, HostId self,
                       const std::vector<Attachment>& attachments) {
  Firewall firewall;
  firewall.structure = {wireguard_interface, spare_interface(wireguard_interface),
                        host_address(self)};
  firewall.elements.insert({kLocalSources, {to_string(host_address(self))}});
  for (const auto& attachment : attachments) {
    std::string address = to_string(attachment.address);
    firewall.elements.insert({kMachineSources, {veth_name(attachment.address), address}});
    firewall.elements.insert({kLocalSources, {address}});
    add_network(attachment.network, self, firewall.elements);
  }
  return firewall;
}

void open_resolver(NetworkId network, Firewall& firewall) {
  std::string resolver = to_string(peer_resolver_address(network));
  firewall.elements.insert({kPeerResolvers, {to_string(network_prefix(network)), resolver}});
  firewall.elements.insert({kLocalSources, {resolver}});
}

}  // namespace sixpn::mesh
