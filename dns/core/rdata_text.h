// The data of a record from upstream as dig prints it (RFC 1035 section 5.1 and each type's own
// RFC), from bytes that nobody vouches for. Own records are written by render.h. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "dns/core/codes.h"

namespace sixpn::dns {

// `message`: the whole one, for names that point back into it; the data are its `size` bytes from
// `at`. Types without a form of their own here, and those of another class than IN that only IN
// has, are printed as RFC 3597 section 5 says ("\# 4 0A000001"). Nothing when the data are
// malformed: cut, with something behind them, of names or parameters that are none.
std::optional<std::string> rdata_text(std::string_view message, std::size_t at, std::size_t size,
                                      RrType type, std::uint16_t klass);

// "name", each byte as RFC 1035 section 5.1 has it inside quotes: \" and \\, \DDD for what is no
// printable ASCII.
std::string quoted_text(std::string_view bytes);
// The same without the quotes.
std::string escaped_text(std::string_view bytes);

}  // namespace sixpn::dns
