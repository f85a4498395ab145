#include "mesh/io/invite.h"

#include <algorithm>

#include "registry/core/address.h"

namespace sixpn::mesh {
namespace {

template <class T>
void keep_first(std::vector<T>& items, std::size_t count) {
  if (items.size() > count)
    items.erase(items.begin() + static_cast<std::ptrdiff_t>(count), items.end());
}

std::vector<Seed> trim_seeds(std::vector<Seed> seeds) {
  std::erase_if(seeds, [](const Seed& seed) { return seed.knock.empty(); });
  keep_first(seeds, kInviteSeeds);
  for (Seed& seed : seeds) {
    keep_first(seed.wireguard, kInviteSeedEndpoints);
    keep_first(seed.knock, kInviteSeedEndpoints);
  }
  return seeds;
}

}  // namespace

Result<std::string> make_invite(const InviteRequest& request, const SigningKey& root) {
  SigningKey enrolment_key = SigningKey::generate();
  Invite invite{.cluster = cluster_id(root.public_key()),
                .serial = random_u64(),
                .host = request.host_id,
                .name = request.name,
                .region = request.region,
                .orgs = request.orgs,
                .expires = request.expires,
                .enrolment_key = enrolment_key.public_key(),
                .valid_until = request.valid_until,
                .issued = request.issued};
  Token token{.root_key = root.public_key(),
              .cluster_key = request.cluster_key,
              .enrolment_seed = enrolment_key.seed(),
              .signed_invite = sign_invite(invite, root),
              .seeds = trim_seeds(request.seeds)};
  // What receivers would refuse is refused here, before the operator carries it anywhere.
  auto valid = verify_invite(token.signed_invite, token.root_key);
  if (!valid) return std::move(valid).error();
  return encode_token(token);
}

HostId choose_host_id(const std::vector<HostId>& taken) {
  for (;;) {
    HostId id(static_cast<std::uint32_t>(random_u64()));
    bool valid = id.value >= kFirstHostId;
    if (valid && std::find(taken.begin(), taken.end(), id) == taken.end()) return id;
  }
}

}  // namespace sixpn::mesh
