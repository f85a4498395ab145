// What a question deserves by its type and class, whatever its name and whoever asks: meta types
// and other classes are turned away before anything is looked up. Pure; a packet and `sixpn dig`
// alike.
#pragma once

#include <string_view>

#include "dns/core/codes.h"
#include "dns/core/query.h"

namespace sixpn::dns {

// `why` and `text` are for an extended error; no text: there is nothing to add.
struct Judgement {
  Rcode rcode = Rcode::kNoError;  // kNoError: it is to be answered
  ExtendedErrorCode why = ExtendedErrorCode::kOther;
  std::string_view text;
};

Judgement judge_question(const DnsQuestion& question);

}  // namespace sixpn::dns
