// An adapter_config.json. Whatever it says: an Error that names the file, or a rank, a scaling and a choice
// for every module.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/error.h"
#include "core/checkpoint/adapter_config.h"
#include "tests/fuzz/expect.h"

using namespace rheo;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string json(reinterpret_cast<const char*>(data), size);
    try {
        const AdapterConfig config = parseAdapterConfig(json, "adapter_config.json");
        for (const char* module : {"model.layers.0.self_attn.q_proj", "model.layers.11.mlp.down_proj",
                                   "lm_head", "model.embed_tokens", "transformer.h.3.attn.c_attn", ""}) {
            expect(config.rankOf(module) > 0, "a rank that is not positive");
            expect(std::isfinite(config.scalingOf(module)) && std::isfinite(config.alphaOf(module)),
                   "a scaling that is not finite");
            for (const bool linear : {false, true}) config.isTarget(module, linear);
            config.isSaved(module);
        }
    } catch (const Error& error) {
        expect(std::string_view(error.what()).find("adapter_config.json") != std::string_view::npos,
               "a message without the file");
    }
    return 0;
}
