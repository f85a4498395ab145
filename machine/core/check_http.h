// The little HTTP that a check speaks: one request, and of the answer its status and what a person
// wants to see of its body. Not a general parser: whatever is not plainly an answer fails the
// check. Bytes come from the machine, which may send anything. RFC 9112. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/ip.h"
#include "machine/core/check_board.h"
#include "registry/core/record.h"

namespace sixpn::machine {

// Of an answer no more is read: of a longer one the status counts, of one without an end of its
// head by then, that.
inline constexpr std::size_t kMaxCheckAnswer = 8192;

// "GET /up HTTP/1.1", with Host, User-Agent and "Connection: close" unless the check names them.
std::string encode_check_request(const ServiceCheck& check, const IpEndpoint& machine);

// The verdict on what has come so far; nothing while more has to be read. `ended`: nothing more
// comes. A pass is 200 to 299, told as soon as the head is whole; redirects are not followed, and
// fail.
std::optional<Verdict> judge_check_answer(std::string_view bytes, bool ended);

}  // namespace sixpn::machine
