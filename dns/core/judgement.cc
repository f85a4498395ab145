#include "dns/core/judgement.h"

namespace sixpn::dns {

Judgement judge_question(const DnsQuestion& question) {
  switch (question.type) {
    case kTypeOpt:
    case kTypeTsig:
    case kTypeTkey:
      return {Rcode::kFormErr, ExtendedErrorCode::kOther, "this type cannot be asked for"};
    case kTypeAxfr:
    case kTypeIxfr:
      return {Rcode::kRefused, ExtendedErrorCode::kNotSupported, "zones are not transferred"};
    default:
      if (question.klass == kClassIn || chaos_text_of(question) != ChaosText::kNone) return {};
      return {Rcode::kRefused, ExtendedErrorCode::kNotSupported, "only class IN is served"};
  }
}

}  // namespace sixpn::dns
