// A tokenizer.json, and behind a null byte a text to encode. Whatever it says: an Error, or ids that are
// tokens and decode to UTF-8.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/error.h"
#include "core/tokenizer/tokenizer.h"
#include "tests/fuzz/expect.h"
#include "tests/fuzz/tokenizer_check.h"

using namespace rheo;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const auto null = input.find('\0');
    const std::string_view text =
        null == input.npos ? std::string_view() : input.substr(null + 1).substr(0, 4096);
    std::shared_ptr<const Tokenizer> tokenizer;
    try {
        tokenizer = Tokenizer::parse(input.substr(0, null), "tokenizer.json");
    } catch (const Error& error) {
        checkMessage(error);
        return 0;
    }
    expect(tokenizer->size() >= 0, "a negative size");
    for (const auto id : tokenizer->specialIds()) expect(tokenizer->isSpecial(id), "a special id is none");
    for (const std::string_view sample :
         {std::string_view("Hello  world, it's 12345!\r\n\n  caf\xC3\xA9 <s> ab"), text}) {
        try {
            checkTokenizer(*tokenizer, sample, sample.data() != text.data());
        } catch (const Error& error) {
            expect(!firstInvalidUtf8(error.what()), "a message is not UTF-8");
        }
    }
    return 0;
}
