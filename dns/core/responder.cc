#include "dns/core/responder.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "dns/core/answer_cost.h"
#include "dns/core/fast_hash.h"
#include "dns/core/render.h"
#include "dns/core/selection.h"
#include "dns/core/service_names.h"
#include "dns/core/view.h"
#include "dns/core/zone.h"
#include "registry/core/address.h"

namespace sixpn::dns {
namespace {

constexpr std::string_view kInternalLabel = "internal";

Handled replied(const PlainQuery& query, Rcode rcode, const Response& response, std::size_t size) {
  Handled handled;
  handled.fate = Fate::kReply;
  handled.size = size;
  handled.rcode = rcode;
  handled.type = query.type;
  handled.own_zone = true;
  handled.truncated = response.truncated();
  return handled;
}

Handled dropped(Limited why) {
  Handled handled;
  handled.limited = why;
  return handled;
}

// What of its set a record is worth, less being better; nothing: the set keeps its order.
std::optional<std::uint16_t> priority_of(const ResourceRecord& record) {
  if (const auto* srv = std::get_if<Srv>(&record.rdata)) return srv->priority;
  if (const auto* svcb = std::get_if<Svcb>(&record.rdata)) return svcb->priority;
  if (std::holds_alternative<Ip6>(record.rdata)) return std::uint16_t{0};
  return std::nullopt;
}

// As RenderedRecords::tiers, of the first `count`.
std::vector<std::uint32_t> tiers_of(const std::vector<ResourceRecord>& answers, std::size_t count) {
  std::vector<std::uint32_t> ends;
  for (std::size_t i = 0; i < count; ++i) {
    auto priority = priority_of(answers[i]);
    if (!priority) return {};
    if (i + 1 == count || priority_of(answers[i + 1]) != priority)
      ends.push_back(static_cast<std::uint32_t>(i + 1));
  }
  return ends;
}

}  // namespace

Responder::Responder(Audience audience, std::uint64_t seed, const RateLimits& rates)
    : audience_(std::move(audience)),
      index_(audience_.vantage),
      rng_(seed),
      clients_(kClients),
      options_(audience_.identity),
      known_meter_(rates.known, kSourceSets),
      stream_meter_(rates.stream, kSourceSets),
      stranger_meter_(rates.unknown, kStrangerSets),
      all_strangers_(rates.all_unknown) {
  for (const Zone& zone : own_zones()) {
    soas_.emplace_back(&zone, render_soa(zone));
    if (zone.kind == ZoneKind::kLocal) break;  // the others look the same
  }
}

const NetworkRecord* Responder::network_record(NetworkId id) const {
  const auto* view = index_.snapshot() != nullptr ? index_.snapshot()->find_network(id) : nullptr;
  return view != nullptr ? &view->network : nullptr;
}

Handled Responder::respond(std::string_view message, const Ip6& source, Transport transport,
                           char* out) {
  reply_options_.clear();
  const Client& client = this->client(source);
  rendered_records_ = rendered_bytes_ = 0;
  auto looked_at = index_.looked_at();
  auto handled = respond_to(message, client, transport, out);
  looked_at = index_.looked_at() - looked_at;
  charge(client, transport, queries_to_make(looked_at, rendered_records_, rendered_bytes_),
         handled);
  return handled;
}

Handled Responder::respond_to(std::string_view message, const Client& client, Transport transport,
                              char* out) {
  if (!read_plain_query(message, query_)) return respond_parsed(message, client, transport, out);
  auto limited = limit(client, transport);
  if (limited == Limited::kDropped || limited == Limited::kRefusalDropped) return dropped(limited);
  options_.answer(query_.options, client.source, transport, now_.wall, reply_options_);
  if (limited != Limited::kNo && reply_options_.cookie() != CookieState::kValid)
    return limited_plain(message, out);
  if (!client.ready) return resolve_slowly(parse_query(message), client.source, transport, out);
  return respond_plain(asked_by(message, client, transport, out));
}

Responder::Asked Responder::asked_by(std::string_view message, const Client& client,
                                     Transport transport, char* out) const {
  auto most = transport == Transport::kTcp ? kMaxMessageBytes : query_.udp_limit();
  return {message, client, transport, most, out};
}

// What is no plain query. A message that is rejected is so whatever its rate: that costs no more
// than an answer without records.
Handled Responder::respond_parsed(std::string_view message, const Client& client,
                                  Transport transport, char* out) {
  auto parsed = parse_query(message);
  if (parsed.verdict == Verdict::kDrop) return {};
  auto limited = limit(client, transport);
  if (limited == Limited::kDropped || limited == Limited::kRefusalDropped) return dropped(limited);
  options_.answer(parsed.options, client.source, transport, now_.wall, reply_options_);
  bool answered = limited == Limited::kNo || reply_options_.cookie() == CookieState::kValid ||
                  parsed.verdict != Verdict::kAnswer;
  if (answered && parsed.is_of_names() && client.ready) {
    make_plain(message, parsed, query_);
    return respond_plain(asked_by(message, client, transport, out));
  }
  if (answered) return resolve_slowly(std::move(parsed), client.source, transport, out);
  auto handled = over_its_rate();
  auto reply = handled.truncated
                   ? render_truncated(parsed.query, reply_options_.bytes())
                   : render_error(parsed.query, handled.rcode, {}, reply_options_.bytes());
  handled.size = reply.size();
  std::memcpy(out, reply.data(), reply.size());
  return handled;
}

Limited Responder::limit(const Client& client, Transport transport) {
  if (transport == Transport::kTcp) return Limited::kNo;  // it waits: charge()
  auto now = nanoseconds();
  if (!client.known) {
    bool refused = stranger_meter_.take(client.hash, now) == Allowance::kWithin &&
                   all_strangers_.take(strangers_used_until_, now) == Allowance::kWithin;
    return refused ? Limited::kNo : Limited::kRefusalDropped;
  }
  switch (known_meter_.take(client.hash, now)) {
    case Allowance::kWithin:
      return Limited::kNo;
    case Allowance::kOver:
      return Limited::kTruncated;
    case Allowance::kFarOver:
      break;
  }
  return Limited::kDropped;
}

void Responder::charge(const Client& client, Transport transport, std::uint32_t queries,
                       Handled& handled) {
  if (transport == Transport::kTcp) {
    queries += queries_to_send(handled.size);
    std::chrono::nanoseconds over(stream_meter_.charge(client.hash, nanoseconds(), queries));
    handled.hold = std::chrono::duration_cast<Duration>(over);
  } else if (queries > 0 && client.known) {
    known_meter_.charge(client.hash, nanoseconds(), queries);
  }
}

Duration Responder::stream_hold(const Ip6& source) {
  std::chrono::nanoseconds over(stream_meter_.charge(client(source).hash, nanoseconds(), 0));
  return std::chrono::duration_cast<Duration>(over);
}

Handled Responder::over_its_rate() const {
  Handled handled;
  handled.fate = Fate::kReply;
  handled.truncated = reply_options_.cookie() == CookieState::kNone;
  handled.limited = handled.truncated ? Limited::kTruncated : Limited::kBadCookie;
  handled.rcode = handled.truncated ? Rcode::kNoError : Rcode::kBadCookie;
  return handled;
}

Handled Responder::limited_plain(std::string_view message, char* out) {
  auto handled = over_its_rate();
  Response response(message, query_, reply_options_.bytes(), query_.udp_limit(), out);
  if (handled.truncated) response.truncate();
  handled.size = response.finish(handled.rcode, false);
  return handled;
}

const Responder::Client& Responder::client(const Ip6& source) {
  std::string_view bytes(reinterpret_cast<const char*>(source.bytes.data()), source.bytes.size());
  auto hash = fast_hash(bytes);
  Client& client = clients_[hash & (kClients - 1)];
  if (client.age == index_.age() && client.source == source) return client;
  client = {};
  client.source = source;
  client.hash = hash;
  client.age = index_.age();
  const Snapshot* snapshot = index_.snapshot();
  auto network = snapshot != nullptr ? view_of(*snapshot, audience_, source) : std::nullopt;
  bool synced = snapshot != nullptr && snapshot->synced;
  client.known = network || (!synced && unsynced_view_of(audience_, source));
  if (!synced || !network || !snapshot->holds(*network)) return client;
  client.id = *network;
  client.network = index_.network(*network);
  client.ready = client.network != nullptr;
  client.own = client.ready && own_address(*snapshot, client.network->view(), source) != nullptr;
  client.shares = !client.own && !is_operator(source);
  return client;
}

Handled Responder::respond_plain(const Asked& asked) {
  const QuestionName& name = query_.name;
  bool below_internal = name.labels > 1 && name.label(name.labels - 1U) == kInternalLabel;
  if (below_internal && name.label(name.labels - 2U)[0] != '_') return respond_app(asked);
  std::array<std::string_view, kMaxNameBytes / 2 + 1> labels;
  for (std::size_t i = 0; i < name.labels; ++i) labels[i] = name.label(i);
  const Zone& zone = find_zone(std::span(labels.data(), name.labels));
  if (is_forwarded(zone, audience_.forward_rules, name.bytes(), index_.snapshot(),
                   asked.client.id)) {
    Handled forward;
    forward.fate = Fate::kForward;
    forward.network = asked.client.id;
    return forward;
  }
  return respond_kept(asked, zone);
}

Handled Responder::respond_app(const Asked& asked) {
  const Client& client = asked.client;
  const QuestionName& name = query_.name;
  std::size_t app_at = name.labels - 2U;
  std::string_view label = name.label(app_at);
  // The machines' own names are the registry's: nothing has to be compiled for them.
  if (app_at == 2 && name.label(1) == "vm") return respond_vm(asked);
  auto reach = app_at == 0 ? AppNames::Reach::kOwnName : AppNames::Reach::kAllNames;
  const AppNames* names =
      index_.app(*client.network, label, reach, client.own ? &client.source : nullptr);
  const Zone& zone = *soas_.front().first;
  if (names == nullptr) return negative(asked, zone, Rcode::kNxDomain);
  auto found = names->find(app_at == 0 ? std::string_view() : name.between(0, app_at));
  if (!found) {
    // The names of services are not compiled: they are looked up, and what they say is kept.
    std::array before{name.label(0), app_at > 1 ? name.label(1) : std::string_view()};
    bool service = (is_service_protocol(before[0]) || is_service_protocol(before[1])) &&
                   has_service(*index_.app_view(*client.network, label),
                               Labels(before).first(std::min(app_at, before.size())));
    return service ? respond_kept(asked, zone) : negative(asked, zone, Rcode::kNxDomain);
  }
  if (is_list(found->kind) && wants(kTypeTxt)) return respond_kept(asked, zone);
  std::size_t count = wants(kTypeAaaa) ? names->count(*found) : 0;
  if (count == 0) return negative(asked, zone, Rcode::kNoError);
  Response response(asked.message, query_, reply_options_.bytes(), asked.limit, asked.out);
  std::size_t room = std::min(count, response.room_for(kAddressBlockBytes));
  auto written = names->write(*found, client.source, rng_, room, response.next());
  response.wrote_answers(written, kAddressBlockBytes, count);
  return replied(query_, Rcode::kNoError, response, response.finish(Rcode::kNoError));
}

Handled Responder::respond_vm(const Asked& asked) {
  const Client& client = asked.client;
  const Zone& zone = *soas_.front().first;
  const auto& machines = client.network->view().machines;
  auto id = parse_machine_id(query_.name.label(0));
  auto found = id ? machines.find(*id) : machines.end();
  std::string_view app = query_.name.label(2);
  bool answered = found != machines.end() && found->second->app == app &&
                  index_.app_view(*client.network, app) != nullptr &&
                  is_answered(*index_.snapshot(), *found->second, &client.source);
  if (!answered) return negative(asked, zone, Rcode::kNxDomain);
  if (!wants(kTypeAaaa)) return negative(asked, zone, Rcode::kNoError);
  Response response(asked.message, query_, reply_options_.bytes(), asked.limit, asked.out);
  auto block = render_address(found->second->address);
  std::memcpy(response.next(), block.data(), block.size());
  response.wrote_answers(1, block.size(), 1);
  return replied(query_, Rcode::kNoError, response, response.finish(Rcode::kNoError));
}

Handled Responder::respond_kept(const Asked& asked, const Zone& zone) {
  const Client& client = asked.client;
  AnswerMemo::Key key{client.id, query_.type, classify(client.source) == AddressKind::kPeer,
                      query_.name.bytes()};
  const RenderedRecords* records =
      client.shares ? memo_.find(index_, *client.network, key) : nullptr;
  RenderedRecords fresh;
  if (records == nullptr) {
    DnsQuestion question{Name::from_wire(query_.name.bytes()).value_or(Name()), query_.type,
                         kClassIn};
    auto said = answer(index_, client.id, client.source, question, rng_);
    if (said.answers.empty()) return negative(asked, zone, said.rcode);
    fresh = render_records(question, said.answers, said.additional);
    fresh.tiers = tiers_of(said.answers, fresh.answers);
    fresh.extended_error = std::move(said.extended_error);
    fresh.list_cut = said.list_cut;
    rendered_records_ = fresh.ends.size();
    rendered_bytes_ = fresh.bytes.size();
    records = said.lasting && client.shares
                  ? memo_.keep(index_, *client.network, key, std::move(fresh))
                  : &fresh;
  }
  if (const auto& error = records->extended_error)
    reply_options_.add_extended_error(error->code, error->text);
  Response response(asked.message, query_, reply_options_.bytes(), asked.limit, asked.out);
  response.add_records(*records, rng_);
  auto handled = replied(query_, Rcode::kNoError, response, response.finish(Rcode::kNoError));
  handled.list_cut = records->list_cut;
  return handled;
}

Handled Responder::negative(const Asked& asked, const Zone& zone, Rcode rcode) {
  Response response(asked.message, query_, reply_options_.bytes(), asked.limit, asked.out);
  // Those of local zones look alike: they share no label with the names inside.
  auto soa = std::find_if(soas_.begin(), soas_.end(), [&](const auto& known) {
    return known.first == &zone || known.first->kind == ZoneKind::kLocal;
  });
  std::size_t apex = query_.name.label_at[query_.name.labels - zone.depth];
  response.add_soa(soa->second, apex, static_cast<std::uint32_t>(index_.snapshot()->generation));
  return replied(query_, rcode, response, response.finish(rcode));
}

Handled Responder::resolve_slowly(ParsedQuery parsed, const Ip6& source, Transport transport,
                                  char* out) {
  auto outcome =
      resolve(index_, audience_, std::move(parsed), source, transport, reply_options_, rng_);
  Handled handled;
  handled.fate = outcome.fate;
  handled.rcode = outcome.rcode;
  handled.size = outcome.reply.size();
  handled.own_zone = outcome.own_zone;
  handled.type = outcome.query.question ? outcome.query.question->type : RrType{0};
  handled.refused_source = outcome.refused_source;
  handled.truncated = outcome.truncated;
  handled.list_cut = outcome.list_cut;
  handled.network = outcome.network;
  std::memcpy(out, outcome.reply.data(), outcome.reply.size());
  return handled;
}

}  // namespace sixpn::dns
