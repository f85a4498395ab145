// As much of DER (ITU-T X.690) as it takes to write certificates that no library would make.
#pragma once

#include <string>
#include <string_view>

namespace sixpn::fuzz {

// Universal tags, and those of a certificate's own parts.
inline constexpr char kDerInteger = 0x02;
inline constexpr char kDerBits = 0x03;
inline constexpr char kDerUtf8 = 0x0c;
inline constexpr char kDerUtcTime = 0x17;
inline constexpr char kDerTime = 0x18;
inline constexpr char kDerSequence = 0x30;
inline constexpr char kDerSet = 0x31;
inline constexpr char kDerVersion = static_cast<char>(0xa0);

// Tag, length, content; up to 65535 bytes.
std::string der(char tag, std::string_view content);
// Of the first element: without its tag and length. "" when the bytes hold none.
std::string_view der_content(std::string_view bytes);
// What a certificate's signature covers (the content of its TBSCertificate), in a certificate:
// ECDSA with SHA-256 is said, and the signature is nobody's.
std::string certificate_around(std::string_view content);

}  // namespace sixpn::fuzz
