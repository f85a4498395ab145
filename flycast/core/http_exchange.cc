#include "flycast/core/http_exchange.h"

#include "flycast/core/replay_course.h"

namespace sixpn::flycast {

HttpExchange::HttpExchange(RequestHead head, KeptBodies* all)
    : request_(std::move(head)), body_{request_.body.kind}, all_(all), response_(context()) {}

bool HttpExchange::may_keep(std::size_t size) {
  if (size <= kMaxKeptBody) return true;
  if (all_ == nullptr || size > kMaxReplayedBody) return false;
  std::size_t beyond = size - kMaxKeptBody;
  if (all_->bytes - counted_ + beyond > all_->most) return false;
  all_->bytes += beyond - counted_;
  counted_ = beyond;
  return true;
}

void HttpExchange::stop_keeping() {
  kept_ = {};
  if (all_ != nullptr) all_->bytes -= counted_;
  counted_ = 0;
}

void HttpExchange::keep(std::string_view wire) {
  if (!kept_all_) return;
  if (attempting_ && !may_keep(kept_.size() + wire.size())) {
    kept_all_ = false;
    return stop_keeping();
  }
  kept_.append(wire);  // before an attempt wants_body() bounds it
}

void HttpExchange::on_request_piece(std::string_view piece, std::string& to_machine) {
  std::size_t before = to_machine.size();
  body_.piece(piece, to_machine);
  keep(std::string_view(to_machine).substr(before));
  if (!attempting_) to_machine.resize(before);
}

void HttpExchange::on_request_end(const HeaderList& trailers, std::string& to_machine) {
  std::size_t before = to_machine.size();
  body_.end(trailers, to_machine);
  keep(std::string_view(to_machine).substr(before));
  if (!attempting_) to_machine.resize(before);
  request_ended_ = true;
}

bool HttpExchange::wants_body() const {
  return !request_ended_ && (attempting_ || kept_.size() < kMaxKeptBody);
}

void HttpExchange::begin_attempt(std::string& to_machine) {
  attempting_ = true;
  ++attempts_;
  response_ = ResponseReader(context());
  write_opening(to_machine);
}

void HttpExchange::write_opening(std::string& to_machine) const {
  write_request_head(request_, to_machine);
  kept_.append_to(to_machine);
}

void HttpExchange::lose_attempt() {
  ++attempts_;
  end_attempt(false);
}

void HttpExchange::end_attempt(bool unseen) {
  attempting_ = false;
  answered_ = answered_ || !response_.untouched();
  last_unseen_ = unseen;
  if (!unseen) ++seen_;
}

bool HttpExchange::may_resend() const {
  if (answered_ || !kept_all_ || attempts_ > kMaxResends) return false;
  return last_unseen_ || (seen_ <= 1 && is_idempotent(request_.method));
}

}  // namespace sixpn::flycast
