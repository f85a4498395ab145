#include "dns/core/explain.h"

#include "dns/core/explain_records.h"
#include "dns/core/judgement.h"
#include "dns/core/render.h"
#include "dns/core/resolve.h"

namespace sixpn::dns {
namespace {

std::vector<std::string> to_lines(const std::vector<ResourceRecord>& records) {
  std::vector<std::string> lines;
  lines.reserve(records.size());
  for (const auto& record : records) lines.push_back(to_string(record));
  return lines;
}

// What could have been meant by a type that is none.
std::string kinds_of_type(std::string_view text) {
  bool is_number = text.starts_with("TYPE") || text.starts_with("type");
  return is_number ? "a number is TYPE1 to TYPE65535" : "try AAAA, TXT, SRV or PTR";
}

// The name without its first label.
Name parent_of(const Name& name) {
  auto labels = name.labels();
  return Name::from_labels(std::span(labels).subspan(1)).value_or(Name());
}

// RFC 8020: below a name that does not exist there is nothing, so what is missing hangs below the
// closest one that does.
std::string explain_absence(const Snapshot& snapshot, NetworkId network, const Viewer& viewer,
                            const Name& name, Rng& rng) {
  for (Name closest = parent_of(name); closest != Name(); closest = parent_of(closest)) {
    auto said = answer(snapshot, network, viewer, {closest, kTypeAaaa, kClassIn}, rng);
    if (said.kind == AnswerKind::kForward) break;
    if (said.rcode == Rcode::kNoError)
      return "no such name; the closest that exists is " + to_string(closest);
  }
  return "no such name";
}

// What is refused without a look at the name, foreign or not.
void refuse(const DnsQuestion& question, const Judgement& judged, Explanation& out) {
  Query query;
  query.question = question;
  out.rcode = to_string(judged.rcode);
  out.note = out.rule = judged.text;
  out.bytes = render_error(query, judged.rcode, {}).size();
}

void measure(const DnsQuestion& question, const Answer& said, Explanation& out) {
  Query query;
  query.question = question;
  auto answers_in = [](const std::string& message) {
    constexpr std::size_t kAnswersAt = 6;
    auto high = static_cast<unsigned char>(message[kAnswersAt]);
    return std::size_t{high} << 8 | static_cast<unsigned char>(message[kAnswersAt + 1]);
  };
  out.bytes = render_answer(query, said, kMaxMessageBytes).message.size();
  out.answers_in_512 = answers_in(render_answer(query, said, kMinUdpBytes).message);
  query.edns = Edns{kMaxUdpBytes, 0, false};
  out.answers_in_1232 = answers_in(render_answer(query, said, kMaxUdpBytes).message);
}

}  // namespace

Result<Explanation> explain(const Snapshot& snapshot, NetworkId network, const Viewer& viewer,
                            std::string_view name, std::string_view type, Rng& rng,
                            const ForwardRules* rules) {
  auto parsed = Name::from_text(name);
  if (!parsed) return Error("'" + std::string(name) + "' is not a domain name");
  auto rr_type = parse_rr_type(type);
  if (!rr_type)
    return Error("'" + std::string(type) + "' is not a record type (" + kinds_of_type(type) + ")");

  DnsQuestion question{*parsed, *rr_type, kClassIn};
  Explanation explanation;
  explanation.name = to_string(*parsed);
  explanation.type = rr_type_name(*rr_type);
  explanation.generation = snapshot.generation;
  const auto* names = snapshot.find_network(network);
  if (names != nullptr) explanation.network_generation = names->generation;
  if (auto judged = judge_question(question); judged.rcode != Rcode::kNoError) {
    refuse(question, judged, explanation);
    return explanation;
  }
  Name lower = parsed->lower();
  if (is_forwarded(find_zone(lower.labels()), rules, lower.wire(), &snapshot, network)) {
    explanation.forwarded = true;
    if (rules != nullptr)
      explanation.rule =
          rules->describe(lower.wire(), names != nullptr ? &names->network : nullptr);
    if (explanation.rule.empty()) explanation.rule = "no rule: to the host's upstream resolvers";
    explanation.note =
        "not a name of this network: the resolver forwards it, by " + explanation.rule;
    return explanation;
  }
  auto said = answer(snapshot, network, viewer, question, rng);
  explanation.rcode = to_string(said.rcode);
  explanation.authoritative = said.rcode != Rcode::kServFail;
  explanation.answers = to_lines(said.answers);
  explanation.authority = to_lines(said.authority);
  explanation.additional = to_lines(said.additional);
  if (said.extended_error) explanation.note = said.extended_error->text;
  explanation.rule = said.rule;
  if (said.rcode == Rcode::kNxDomain)
    explanation.rule = explain_absence(snapshot, network, viewer, *parsed, rng);
  if (names != nullptr && explanation.authoritative)
    explanation.behind = records_behind(snapshot, *names, viewer.source, *parsed, said);
  measure(question, said, explanation);
  return explanation;
}

}  // namespace sixpn::dns
