// Matrices of 8-bit floats with scales: values by closed forms, shapes of scales, and what is refused. Whole
// models of them are compared with the reference among the fixtures (tests/core/model).
#include <bit>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "core/checkpoint/model_config.h"
#include "core/checkpoint/scaled_weights.h"
#include "core/checkpoint/tensor_match.h"
#include "expect_error.h"
#include "tests/test_main.h"

using namespace rheo;
using namespace rheo::test;
using nlohmann::json;

namespace {

template <class Value>
std::span<const std::byte> bytesOf(const std::vector<Value>& values) {
    return std::as_bytes(std::span(values));
}

StoredTensor tensor(StoredType type, std::vector<std::int64_t> shape, std::span<const std::byte> bytes) {
    StoredTensor made;
    made.name = "w.weight";
    made.type = type;
    made.shape = std::move(shape);
    made.bytes = bytes;
    return made;
}

std::vector<float> expanded(StoredTensor matrix, const ScaleGrid& grid, std::int64_t first,
                            std::int64_t count) {
    matrix.scaled = std::make_shared<const ScaleGrid>(grid);
    std::vector<float> values(static_cast<std::size_t>(count * matrix.shape[1]));
    expandScaled(matrix, first, count, values.data());
    return values;
}

const json tiny = {{"model_type", "llama"},       {"hidden_size", 4},       {"intermediate_size", 6},
                   {"num_attention_heads", 1},    {"num_hidden_layers", 1}, {"vocab_size", 5},
                   {"max_position_embeddings", 8}};
const json blocksOfTwo = {{"quant_method", "fp8"}, {"weight_block_size", {2, 2}}};

ModelConfig configWith(const json& quantization) {
    json config = tiny;
    config["quantization_config"] = quantization;
    return parseModelConfig(config.dump(), "config.json");
}

/// All tensors of the tiny model, one matrix of which is of 8-bit floats, and its scales.
TensorMatch matchWith(const ModelConfig& config, std::vector<std::int64_t> scaleShape, StoredType scaleType) {
    static const std::vector<std::byte> zeros(4096);
    std::vector<StoredTensor> tensors;
    for (const ParameterSpec& parameter : expectedParameters(config)) {
        StoredTensor one = tensor(StoredType::F32, parameter.shape, zeros);
        one.name = parameter.name;
        if (one.name == "model.layers.0.mlp.up_proj.weight") one.type = StoredType::F8E4M3;
        tensors.push_back(one);
    }
    if (!scaleShape.empty()) {
        tensors.push_back(tensor(scaleType, std::move(scaleShape), zeros));
        tensors.back().name = "model.layers.0.mlp.up_proj.weight_scale_inv";
    }
    std::vector<const StoredTensor*> all;
    for (const StoredTensor& one : tensors) all.push_back(&one);
    return matchTensors(config, all, "somewhere");
}

}  // namespace

class TestCheckpointScaled : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void numbersAreThoseOfTheFormats();
    void blocksEndAtTheEdges();
    void shapesOfScales();
    void productsAreRoundedWhereTheReferenceRounds();
    void refuses_data();
    void refuses();
    void scalesMustFit();
};

/// Every number of both formats, by its sign, exponent and fraction (OCP 8-bit floating point, 1.0).
void TestCheckpointScaled::numbersAreThoseOfTheFormats() {
    std::vector<std::uint8_t> numbers(256);
    for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<std::uint8_t>(i);
    const std::vector<float> one{1};
    const StoredTensor scale = tensor(StoredType::F32, {1}, bytesOf(one));
    struct Format {
        StoredType type;
        int fractionBits, bias;
    };
    for (const Format& format : {Format{StoredType::F8E4M3, 3, 7}, Format{StoredType::F8E5M2, 2, 15}}) {
        const auto values = expanded(tensor(format.type, {2, 128}, bytesOf(numbers)), {&scale, 2, 128}, 0, 2);
        const int steps = 1 << format.fractionBits, exponents = 128 / steps;
        for (int i = 0; i < 256; ++i) {
            const int exponent = i % 128 / steps, fraction = i % steps;
            const float found = values[static_cast<std::size_t>(i)];
            if (format.type == StoredType::F8E4M3 ? i % 128 == 127
                                                  : exponent == exponents - 1 && fraction > 0) {
                QVERIFY(std::isnan(found));
                continue;
            }
            double expected = exponent == 0
                                  ? double(fraction) / steps * std::pow(2, 1 - format.bias)
                                  : (1 + double(fraction) / steps) * std::pow(2, exponent - format.bias);
            if (format.type == StoredType::F8E5M2 && exponent == exponents - 1) expected = INFINITY;
            QCOMPARE(double(found), i < 128 ? expected : -expected);
        }
    }
}

/// 5 by 7 in blocks of 2 by 3: the last have one row, and one column.
void TestCheckpointScaled::blocksEndAtTheEdges() {
    const std::vector<std::uint8_t> ones(35, 0x38);  // 1.0
    std::vector<float> scales(9);
    for (std::size_t i = 0; i < scales.size(); ++i) scales[i] = static_cast<float>(i + 1);
    const StoredTensor matrix = tensor(StoredType::F8E4M3, {5, 7}, bytesOf(ones));
    const StoredTensor grid = tensor(StoredType::F32, {3, 3}, bytesOf(scales));
    const auto found = scaleGrid({"weight_scale_inv", 2, 3}, matrix, grid);
    QVERIFY(found);
    const auto whole = expanded(matrix, *found, 0, 5), some = expanded(matrix, *found, 3, 2);
    for (int row = 0; row < 5; ++row)
        for (int column = 0; column < 7; ++column) {
            const auto expected = static_cast<float>(row / 2 * 3 + column / 3 + 1);
            QCOMPARE(whole[static_cast<std::size_t>(row * 7 + column)], expected);
            if (row >= 3) QCOMPARE(some[static_cast<std::size_t>((row - 3) * 7 + column)], expected);
        }
}

void TestCheckpointScaled::shapesOfScales() {
    const std::vector<std::uint8_t> numbers(24);
    const std::vector<float> values(24);
    const StoredTensor matrix = tensor(StoredType::F8E4M3, {4, 6}, bytesOf(numbers));
    const auto grid = [&](const ScaledWeights& weights, std::vector<std::int64_t> shape,
                          StoredType type = StoredType::F32) {
        const StoredTensor scales = tensor(type, std::move(shape), bytesOf(values));
        const auto found = scaleGrid(weights, matrix, scales);
        return found ? std::pair(found->rows, found->columns) : std::pair<std::int64_t, std::int64_t>{};
    };
    using Grid = std::pair<std::int64_t, std::int64_t>;
    const ScaledWeights whole{"s", 0, 0, false}, blocks{"s", 2, 4, false}, compressed{"s", 2, 4, true};
    QVERIFY(grid(whole, {}) == Grid(4, 6));
    QVERIFY(grid(whole, {1}) == Grid(4, 6));
    QVERIFY(grid(whole, {4}) == Grid(1, 6));
    QVERIFY(grid(whole, {4, 1}) == Grid(1, 6));
    QVERIFY(grid(whole, {6}) == Grid());
    QVERIFY(grid(blocks, {2, 2}) == Grid(2, 4));
    QVERIFY(grid(blocks, {2, 3}) == Grid());
    QVERIFY(grid(blocks, {4, 1}) == Grid());
    QVERIFY(grid(compressed, {4, 1}) == Grid(1, 6));
    QVERIFY(grid(blocks, {2, 2}, StoredType::I32) == Grid());
}

/// 3.5 times a scale of 8 bits of precision: float32 holds the product, bfloat16 and half the nearest to it.
void TestCheckpointScaled::productsAreRoundedWhereTheReferenceRounds() {
    const std::vector<std::uint8_t> number{0x46};  // 3.5
    const StoredTensor matrix = tensor(StoredType::F8E4M3, {1, 1}, bytesOf(number));
    const auto value = [&](const StoredTensor& scale, bool rounds) {
        return expanded(matrix, {&scale, 1, 1, rounds}, 0, 1)[0];
    };
    const std::vector<std::uint16_t> inBFloat16{0x3f81};  // 1 + 1/128
    const StoredTensor scale = tensor(StoredType::BF16, {1}, bytesOf(inBFloat16));
    QCOMPARE(value(scale, false), 3.52734375F);
    QCOMPARE(value(scale, true), 3.53125F);           // steps of 1/64
    const std::vector<std::uint16_t> inHalf{0x3c01};  // 1 + 1/1024
    const StoredTensor half = tensor(StoredType::F16, {1}, bytesOf(inHalf));
    QCOMPARE(value(half, false), 3.50341796875F);
    QCOMPARE(value(half, true), 3.50390625F);    // steps of 1/512, ties to even
    const std::vector<std::uint8_t> power{130};  // 2^3
    QCOMPARE(value(tensor(StoredType::F8E8M0, {1}, bytesOf(power)), false), 28.0F);
}

void TestCheckpointScaled::refuses_data() {
    QTest::addColumn<QByteArray>("quantization");
    QTest::addColumn<QStringList>("parts");
    const auto row = [](const char* name, const char* quantization, const QStringList& parts) {
        QTest::newRow(name) << QByteArray(quantization) << (parts + QStringList{"fetch"});
    };
    row("bitsandbytes", R"({"quant_method": "bitsandbytes", "load_in_4bit": true})", {"bitsandbytes"});
    row("gptq", R"({"quant_method": "gptq", "bits": 4})", {"gptq"});
    row("awq", R"({"quant_method": "awq", "bits": 4})", {"awq"});
    row("four bits", R"({"quant_method": "mxfp4"})", {"mxfp4"});
    row("no name", R"({"bits": 4})", {"quantization_config"});
    row("another 8-bit float", R"({"quant_method": "fp8", "fmt": "e5m2"})", {"fmt"});
    row("packed", R"({"quant_method": "compressed-tensors", "format": "pack-quantized"})",
        {"pack-quantized"});
    row("integers",
        R"({"quant_method": "compressed-tensors", "format": "naive-quantized", "config_groups":
            {"a": {"weights": {"num_bits": 8, "type": "int"}}}})",
        {"type"});
    row("groups of columns",
        R"({"quant_method": "compressed-tensors", "format": "float-quantized", "config_groups":
            {"a": {"weights": {"num_bits": 8, "type": "float", "strategy": "group"}}}})",
        {"group"});
    row("keys and values",
        R"({"quant_method": "compressed-tensors", "format": "float-quantized", "kv_cache_scheme": {"num_bits": 8},
            "config_groups": {"a": {"weights": {"num_bits": 8, "type": "float"}}}})",
        {"kv_cache_scheme"});
}

void TestCheckpointScaled::refuses() {
    QFETCH(const QByteArray, quantization);
    QFETCH(const QStringList, parts);
    EXPECT_ERROR(ErrorCode::Unsupported, parts, configWith(json::parse(quantization.toStdString())));
}

void TestCheckpointScaled::scalesMustFit() {
    const ModelConfig config = configWith(blocksOfTwo);
    const TensorMatch match = matchWith(config, {3, 2}, StoredType::F32);
    const StoredTensor* matrix = match.parameters.at("model.layers.0.mlp.up_proj.weight");
    QVERIFY(matrix->scaled != nullptr && matrix->scaled->rows == 2);
    QVERIFY2(match.notes.size() == 1 && match.notes[0].starts_with("1 matrix of 8-bit"),
             match.notes.empty() ? "" : match.notes[0].c_str());
    EXPECT_ERROR(ErrorCode::Mismatch, QStringList{"up_proj.weight_scale_inv"},
                 matchWith(config, {}, StoredType::F32));
    EXPECT_ERROR(ErrorCode::Mismatch, (QStringList{"up_proj.weight_scale_inv", "[2, 3]"}),
                 matchWith(config, {2, 3}, StoredType::F32));
    EXPECT_ERROR(ErrorCode::Mismatch, (QStringList{"up_proj.weight_scale_inv", "I32"}),
                 matchWith(config, {3, 2}, StoredType::I32));
    // Without a word in the config they are not known for what they are.
    EXPECT_ERROR(ErrorCode::Unsupported, QStringList{"F8_E4M3"},
                 matchWith(parseModelConfig(tiny.dump(), "config.json"), {}, StoredType::F32));
}

RHEO_TEST(TestCheckpointScaled)
#include "test_checkpoint_scaled.moc"
