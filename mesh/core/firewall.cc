#include "mesh/core/firewall.h"

#include "mesh/core/options.h"
#include "registry/core/address.h"

namespace sixpn::mesh {

void admit_network(NetworkId network, HostId self, Firewall& firewall) {
  std::set<SetElement>& elements = firewall.elements;
  std::string whole = to_string(network_prefix(network));
  std::string proxy = to_string(proxy_address(network, self));
  elements.insert({kSameNetwork, {whole, whole}});
  elements.insert({kFlycast, {whole, to_string(flycast_prefix(network))}});
  elements.insert({kHostProxies, {whole, proxy}});
  elements.insert({kLocalSources, {proxy}});
}

void admit_source(const std::string& interface, const Ip6& source, Firewall& firewall) {
  std::string address = to_string(source);
  firewall.elements.insert({kMachineSources, {interface, address}});
  firewall.elements.insert({kLocalSources, {address}});
}

Firewall make_firewall(const std::string& wireguard_interface, HostId self,
                       const std::vector<Attachment>& attachments) {
  Firewall firewall;
  firewall.structure = {wireguard_interface, spare_interface(wireguard_interface),
                        host_address(self)};
  firewall.elements.insert({kLocalSources, {to_string(host_address(self))}});
  for (const auto& attachment : attachments)
    admit_source(veth_name(attachment.address), attachment.address, firewall);
  return firewall;
}

void open_resolver(NetworkId network, Firewall& firewall) {
  std::string resolver = to_string(peer_resolver_address(network));
  firewall.elements.insert({kPeerResolvers, {to_string(network_prefix(network)), resolver}});
  firewall.elements.insert({kLocalSources, {resolver}});
}

}  // namespace sixpn::mesh
