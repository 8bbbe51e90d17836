// Encoding and decoding, in bytes of text a second, and loading.
//
// Texts: prose of the shipped prompts, and the worst there is for merging, words that never end.
#include <benchmark/benchmark.h>

#include <fstream>
#include <iterator>

#include "core/tokenizer/tokenizer.h"

namespace {

using namespace rheo;

constexpr std::size_t kBytes = 100'000;

std::string fileOf(int family) {
    static const char* const names[] = {"demo", "llama3", "gpt2", "qwen2", "llama2", "mistral", "gemma"};
    return std::string(RHEO_FIXTURES "/tokenizers/") + names[family] + "/tokenizer.json";
}

std::string prose() {
    std::ifstream file(RHEO_RESOURCES "/prompts/novels.txt");
    std::string text{std::istreambuf_iterator<char>(file), {}};
    std::size_t end = std::min(kBytes, text.size());
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    return text.substr(0, end);
}

std::string letters() {
    std::string text;
    for (unsigned i = 1; text.size() < kBytes; i = i * 1664525u + 1013904223u)
        text += static_cast<char>('a' + (i >> 27) % 26);
    return text;
}

void encode(benchmark::State& state, const std::string& text) {
    const auto tokenizer = Tokenizer::load(fileOf(static_cast<int>(state.range(0))));
    std::size_t tokens = 0;
    for (auto _ : state) {
        const auto ids = tokenizer->encode(text);
        tokens = ids.size();
        benchmark::DoNotOptimize(ids.data());
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
    state.counters["tokens"] = static_cast<double>(tokens);
    state.SetLabel(fileOf(static_cast<int>(state.range(0))).substr(sizeof(RHEO_FIXTURES "/tokenizers")));
}

void encodeProse(benchmark::State& state) {
    encode(state, prose());
}
void encodeOneWord(benchmark::State& state) {
    encode(state, letters());
}
void encodeOneLetter(benchmark::State& state) {
    encode(state, std::string(kBytes, 'a'));
}
void encodeSpaces(benchmark::State& state) {
    encode(state, std::string(kBytes, ' '));
}

void decode(benchmark::State& state) {
    const auto tokenizer = Tokenizer::load(fileOf(static_cast<int>(state.range(0))));
    const auto ids = tokenizer->encode(prose());
    for (auto _ : state) benchmark::DoNotOptimize(tokenizer->decode(ids).data());
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(ids.size()));
}

void load(benchmark::State& state) {
    for (auto _ : state) benchmark::DoNotOptimize(Tokenizer::load(fileOf(0)).get());
}

/// A vocabulary of the size of Llama 3's: 128,000 pieces and 280,000 merges.
void loadLarge(benchmark::State& state) {
    std::string vocabulary, merges;
    std::vector<std::string> pieces;
    const auto add = [&](std::string piece) {
        vocabulary += (pieces.empty() ? "\"" : ",\"") + piece + "\":" + std::to_string(pieces.size());
        pieces.push_back(std::move(piece));
    };
    for (char c = 'a'; c <= 'z'; ++c) add(std::string(1, c));
    for (std::size_t i = 0; pieces.size() < 128'000; ++i)
        for (char c = 'a'; c <= 'z' && pieces.size() < 128'000; ++c) {
            merges += (merges.empty() ? "[\"" : ",[\"") + pieces[i] + "\",\"" + c + "\"]";
            add(pieces[i] + c);
        }
    const std::string once = merges;
    merges += "," + once;
    const std::string json =
        "{\"model\":{\"type\":\"BPE\",\"vocab\":{" + vocabulary + "},\"merges\":[" + merges + "]}}";
    for (auto _ : state) benchmark::DoNotOptimize(Tokenizer::parse(json, "large").get());
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(json.size()));
}

BENCHMARK(encodeProse)->DenseRange(0, 6)->Unit(benchmark::kMillisecond);
BENCHMARK(encodeOneWord)->DenseRange(0, 6)->Unit(benchmark::kMillisecond);
BENCHMARK(encodeOneLetter)->DenseRange(0, 6)->Unit(benchmark::kMillisecond);
BENCHMARK(encodeSpaces)->DenseRange(0, 6)->Unit(benchmark::kMillisecond);
BENCHMARK(decode)->DenseRange(0, 6)->Unit(benchmark::kMillisecond);
BENCHMARK(load)->Unit(benchmark::kMillisecond);
BENCHMARK(loadLarge)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
