#include "dns/core/explain.h"

#include "dns/core/render.h"

namespace sixpn::dns {
namespace {

std::vector<std::string> to_lines(const std::vector<ResourceRecord>& records) {
  std::vector<std::string> lines;
  lines.reserve(records.size());
  for (const auto& record : records) lines.push_back(to_string(record));
  return lines;
}

}  // namespace

Result<Explanation> explain(const Snapshot& snapshot, NetworkId network, const Viewer& viewer,
                            std::string_view name, std::string_view type, Rng& rng) {
  auto parsed = Name::from_text(name);
  if (!parsed) return Error("'" + std::string(name) + "' is not a domain name");
  auto rr_type = parse_rr_type(type);
  if (!rr_type)
    return Error("'" + std::string(type) + "' is not a record type (try AAAA, TXT or PTR)");

  auto said = answer(snapshot, network, viewer, {*parsed, *rr_type, kClassIn}, rng);
  Explanation explanation;
  explanation.name = to_string(*parsed);
  explanation.type = rr_type_name(*rr_type);
  explanation.generation = snapshot.generation;
  if (said.kind == AnswerKind::kForward) {
    explanation.forwarded = true;
    explanation.note = "not a name of this network: the resolver forwards it";
    return explanation;
  }
  explanation.rcode = to_string(said.rcode);
  explanation.answers = to_lines(said.answers);
  explanation.authority = to_lines(said.authority);
  if (said.extended_error) explanation.note = said.extended_error->text;
  return explanation;
}

}  // namespace sixpn::dns
