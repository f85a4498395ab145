#include "machine/core/check_board.h"

#include <algorithm>

namespace sixpn::machine {
namespace {

constexpr std::string_view kCut = "...";

// Bytes of a UTF-8 sequence that begins so; 0 for none. Overlong forms and surrogates do not pass.
std::size_t sequence_length(std::string_view rest) {
  auto byte = [&](std::size_t i) { return static_cast<unsigned char>(rest[i]); };
  std::size_t length = byte(0) >= 0xf0 ? 4 : byte(0) >= 0xe0 ? 3 : byte(0) >= 0xc2 ? 2 : 0;
  if (length == 0 || byte(0) > 0xf4 || rest.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xc0) != 0x80) return 0;
  unsigned char second = byte(1);
  bool bad = (byte(0) == 0xe0 && second < 0xa0) || (byte(0) == 0xed && second > 0x9f) ||
             (byte(0) == 0xf0 && second < 0x90) || (byte(0) == 0xf4 && second > 0x8f);
  return bad ? 0 : length;
}

}  // namespace

std::string one_line(std::string_view raw, std::size_t most) {
  std::string line;
  while (!raw.empty() && line.size() <= most) {
    auto first = static_cast<unsigned char>(raw.front());
    std::size_t length = first < 0x80 ? 1 : sequence_length(raw);
    if (first < 0x20 || first == 0x7f)
      line += line.empty() || line.back() == ' ' ? "" : " ";
    else if (length == 0)
      line += '?';
    else
      line += raw.substr(0, length);
    raw.remove_prefix(std::max<std::size_t>(length, 1));
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  if (line.size() <= most) return line;
  std::size_t end = most - kCut.size();
  while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xc0) == 0x80) --end;
  return line.substr(0, end) + std::string(kCut);
}

Duration CheckBoard::jittered(Duration pause) {
  auto tenth = static_cast<std::uint64_t>(pause.count() / 10);
  return pause - Duration(tenth) / 2 + Duration(static_cast<Duration::rep>(rng_.below(tenth + 1)));
}

void CheckBoard::schedule(const Key& key, Check& check, Instant due) {
  due_.erase({check.due, key});
  check.due = due;
  if (due != kNever) due_.insert({due, key});
}

CheckBoard::Check CheckBoard::begin_check(const PlannedCheck& planned, CheckBegin begin, Now now) {
  Check check;
  check.planned = planned;
  CheckResult& result = check.result;
  result.name = planned.name;
  result.port = planned.port;
  result.scope = planned.scope;
  result.changed = now.wall;
  if (!planned.runnable) {
    result.output = "not run: the machine's processes are not sixpn's";
    return check;
  }
  if (begin == CheckBegin::kRunning) {
    result.output = "not checked yet";
    check.retry = kFailureRetry;
    return check;
  }
  check.waits = true;
  check.grace_end = now.mono + planned.check.grace;
  check.late = now.mono + std::max(planned.check.grace, kStartAllowance);
  check.retry = kFirstRetry;
  result.status = Health::kWarning;
  result.output = "the machine has just started";
  return check;
}

void CheckBoard::forget_all(MachineId machine, Checks& checks) {
  for (std::size_t i = 0; i < checks.size(); ++i) {
    schedule({machine, i}, checks[i], kNever);
    runs_.erase(checks[i].run);
  }
}

bool CheckBoard::set(MachineId machine, const std::vector<PlannedCheck>& checks, CheckBegin begin,
                     Now now) {
  Checks before;
  if (auto found = machines_.find(machine); found != machines_.end()) {
    bool same = std::equal(
        checks.begin(), checks.end(), found->second.begin(), found->second.end(),
        [](const PlannedCheck& planned, const Check& check) { return planned == check.planned; });
    if (same) return false;
    before = std::move(found->second);
    forget_all(machine, before);
    machines_.erase(found);
  }
  if (checks.empty()) return !before.empty();
  Checks& after = machines_[machine];
  after.reserve(checks.size());
  for (const PlannedCheck& planned : checks) {
    auto kept = std::find_if(before.begin(), before.end(),
                             [&](const Check& check) { return check.planned == planned; });
    after.push_back(kept == before.end() ? begin_check(planned, begin, now) : *kept);
    Check& check = after.back();
    check.run = 0;
    Duration wait{};
    if (!check.waits)
      wait = Duration(static_cast<Duration::rep>(
          rng_.below(static_cast<std::uint64_t>(kTakeOverSpread.count()))));
    check.due = kNever;
    if (!planned.runnable) continue;
    schedule({machine, after.size() - 1}, check, now.mono + wait);
  }
  return true;
}

void CheckBoard::remove(MachineId machine) {
  auto found = machines_.find(machine);
  if (found == machines_.end()) return;
  forget_all(machine, found->second);
  machines_.erase(found);
}

std::vector<CheckRun> CheckBoard::take_due(Instant now) {
  std::vector<CheckRun> out;
  while (runs_.size() < max_in_flight_ && !due_.empty() && due_.begin()->first <= now) {
    Key key = due_.begin()->second;
    Check& check = machines_.at(key.first)[key.second];
    schedule(key, check, kNever);
    check.run = ++last_run_;
    check.began = now;
    runs_.emplace(check.run, key);
    out.push_back({check.run, key.first, check.planned});
  }
  return out;
}

Instant CheckBoard::next_due() const {
  if (due_.empty() || runs_.size() >= max_in_flight_) return kNever;
  return due_.begin()->first;
}

Instant CheckBoard::next_run(Check& check, bool passed, Instant now) {
  Duration interval = check.planned.check.interval;
  if (passed) {
    check.retry = kFailureRetry;
    return std::max(check.began + jittered(interval), now);
  }
  Duration pause = std::min(check.retry, interval);
  check.retry = std::min(check.retry * 2, check.waits ? kFailureRetry : interval);
  return now + jittered(pause);
}

std::optional<MachineId> CheckBoard::on_verdict(std::uint64_t run, const Verdict& verdict,
                                                Now now) {
  auto found = runs_.find(run);
  if (found == runs_.end()) return std::nullopt;
  Key key = found->second;
  runs_.erase(found);
  Check& check = machines_.at(key.first)[key.second];
  check.run = 0;
  if (verdict.passed) check.waits = false;
  schedule(key, check, next_run(check, verdict.passed, now.mono));
  CheckResult& result = check.result;
  if (check.waits && now.mono < check.grace_end) return std::nullopt;
  Health failed = check.waits && now.mono < check.late ? Health::kWarning : Health::kCritical;
  Health status = verdict.passed ? Health::kPassing : failed;
  bool changed = status != result.status;
  result.output = one_line(verdict.output, kMaxCheckOutput);
  if (!changed) return std::nullopt;
  result.status = status;
  result.changed = now.wall;
  return key.first;
}

std::vector<CheckResult> CheckBoard::results(MachineId machine) const {
  std::vector<CheckResult> out;
  auto found = machines_.find(machine);
  if (found == machines_.end()) return out;
  for (const Check& check : found->second) out.push_back(check.result);
  return out;
}

}  // namespace sixpn::machine
