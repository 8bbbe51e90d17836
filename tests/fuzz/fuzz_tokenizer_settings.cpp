// The files beside a tokenizer.json: tokenizer_config.json, special_tokens_map.json, added_tokens.json and
// config.json, with null bytes between them (an empty text: no such file). Whatever they say: an Error, or a
// tokenizer that encodes and decodes.
#include <cstddef>
#include <cstdint>

#include "core/tokenizer/tokenizer_settings.h"
#include "tests/fuzz/scratch.h"
#include "tests/fuzz/tokenizer_check.h"

using namespace rheo;
namespace fs = std::filesystem;

namespace {

constexpr const char* tokenizerJson =
    R"({"version":"1.0","added_tokens":[{"id":0,"content":"<s>","special":true},{"id":1,"content":"</s>",)"
    R"("special":true},{"id":2,"content":"<unk>","special":true}],"normalizer":null,"pre_tokenizer":)"
    R"({"type":"ByteLevel","add_prefix_space":false,"use_regex":true},"decoder":{"type":"ByteLevel"},)"
    R"("post_processor":null,"model":{"type":"BPE","unk_token":"<unk>","vocab":{"<s>":0,"</s>":1,"<unk>":2,)"
    R"("a":3,"b":4,"ab":5,"Ġ":6,"c":7,"Ġa":8},"merges":[["a","b"],["Ġ","a"]]}})";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const fs::path folder = scratch() / "tokenizer";
    static const bool made =
        fs::create_directories(folder) && !put(folder / "tokenizer.json", tokenizerJson).empty();
    expect(made, "no folder to try in");
    std::string_view input(reinterpret_cast<const char*>(data), size);
    for (const char* name :
         {"tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "config.json"}) {
        const std::string_view text = nextText(input);
        if (text.empty())
            fs::remove(folder / name);
        else
            put(folder / name, text);
    }
    try {
        for (const auto& [role, token] : readTokenizerSettings(folder).roles)
            expect(!role.empty(), "a role without a name");
        const auto tokenizer = Tokenizer::open(folder);
        for (const std::string_view text : {"", "ab a  cab", "<s> ab</s>\xF0\x9F\x98\x80<unk>"})
            for (const bool special : {false, true}) checkTokenizer(*tokenizer, text, special);
    } catch (const Error& error) {
        checkMessage(error);
    }
    return 0;
}
