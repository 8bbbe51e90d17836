// A config.json. Whatever it says: an Error, or a model whose parameters can be counted.
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_set>

#include "core/base/error.h"
#include "core/checkpoint/checkpoint.h"
#include "core/checkpoint/model_config.h"
#include "tests/fuzz/expect.h"

using namespace rheo;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view json(reinterpret_cast<const char*>(data), size);
    try {
        const ModelConfig config = parseModelConfig(json, "config.json");
        expect(config.layers > 0 && static_cast<std::int64_t>(config.blocks.size()) == config.layers,
               "blocks and layers disagree");
        expect(config.dModel > 0 && config.heads > 0 && config.headDim > 0 && config.vocabulary > 0,
               "an empty model");
        expect(config.kvHeads > 0 && config.heads % config.kvHeads == 0, "heads do not share keys evenly");
        for (const BlockConfig& block : config.blocks)
            expect(config.ropes.empty() ||
                       (block.rope >= 0 && block.rope < static_cast<int>(config.ropes.size())),
                   "a block of unknown positions");
        std::unordered_set<std::string_view> names;
        const auto parameters = expectedParameters(config);
        for (const ParameterSpec& parameter : parameters) {
            expect(names.insert(parameter.name).second, "a parameter twice");
            for (const auto extent : parameter.shape) expect(extent > 0, "an empty parameter");
        }
        const auto forecast = forecastMemory(config, DType::Float32, 1, 1);
        expect(forecast.parameters > 0 && forecast.loadBytes >= forecast.parameters,
               "a forecast that overflows");
    } catch (const Error& error) {
        expect(std::string_view(error.what()).find("config.json") != std::string_view::npos,
               "a message without the file");
    }
    return 0;
}
