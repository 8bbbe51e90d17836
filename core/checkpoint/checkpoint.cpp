#include "core/checkpoint/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <sstream>

#include "core/base/error.h"
#include "core/base/guarded_mapping.h"
#include "core/base/hash.h"
#include "core/base/output_file.h"
#include "core/checkpoint/adapter.h"
#include "core/checkpoint/gguf_config.h"
#include "core/checkpoint/json.h"
#include "core/checkpoint/model_cache.h"
#include "core/checkpoint/model_files.h"
#include "core/checkpoint/tensor_match.h"

namespace rheo {

namespace fs = std::filesystem;

namespace {

constexpr std::uintmax_t maxConfigBytes = 4 << 20;
std::optional<std::int64_t> readNumber(const fs::path& path) {
    std::ifstream in(path);
    std::int64_t value = 0;
    if (in >> value && value >= 0) return value;
    return std::nullopt;
}

/// Value of a line "key value" of a file such as /proc/meminfo.
std::optional<std::int64_t> readField(const fs::path& path, const std::string& field) {
    std::ifstream in(path);
    for (std::string line; std::getline(in, line);) {
        std::istringstream words(line);
        std::string name;
        std::int64_t value = 0;
        if (words >> name >> value && name == field) return value;
    }
    return std::nullopt;
}

/// What a control group still allows; its page cache can be taken back and counts as free.
std::optional<std::int64_t> leftInGroup(const fs::path& group, const char* limit, const char* used,
                                        const char* cache) {
    const auto most = readNumber(group / limit);
    const auto now = readNumber(group / used);
    if (!most || !now) return std::nullopt;
    return std::max<std::int64_t>(0, *most - *now + readField(group / "memory.stat", cache).value_or(0));
}

}  // namespace

std::optional<std::int64_t> availableMemory() {
    std::optional<std::int64_t> least;
    const auto consider = [&](std::optional<std::int64_t> bytes) {
        if (bytes) least = least ? std::min(*least, *bytes) : *bytes;
    };
    if (const auto kib = readField("/proc/meminfo", "MemAvailable:")) consider(*kib * 1024);
    std::ifstream groups("/proc/self/cgroup");
    for (std::string line; std::getline(groups, line);) {
        const auto first = line.find(':');
        const auto second = line.find(':', first + 1);
        if (first == std::string::npos || second == std::string::npos) continue;
        const std::string controllers = line.substr(first + 1, second - first - 1);
        const bool version1 = controllers == "memory";
        if (!version1 && !controllers.empty()) continue;
        const fs::path root = version1 ? "/sys/fs/cgroup/memory" : "/sys/fs/cgroup";
        // Every group above sets a limit too; inside a container the path may not be visible at all.
        for (fs::path group = fs::path(line.substr(second + 1)).relative_path();;
             group = group.parent_path()) {
            consider(version1 ? leftInGroup(root / group, "memory.limit_in_bytes", "memory.usage_in_bytes",
                                            "total_inactive_file")
                              : leftInGroup(root / group, "memory.max", "memory.current", "inactive_file"));
            if (group.empty()) break;
        }
    }
    return least;
}

namespace {

/// Whether a name that TensorNames gives is one of a block.
bool isOfBlock(const ModelConfig& config, std::string_view name) {
    const std::string& block = config.names.block;
    return name.starts_with(config.names.prefix + block.substr(0, block.find("{}")));
}

}  // namespace

MemoryForecast forecastMemory(const ModelConfig& c, DType dtype, std::int64_t batch, std::int64_t tokens) {
    MemoryForecast forecast;
    std::int64_t largest = 0, inBlock = 0, largestBlock = 0, beside = 0, layer = -1;
    std::string block = "\n";  // no name begins so
    for (const ParameterSpec& parameter : expectedParameters(c)) {
        std::int64_t count = 1;
        for (const std::int64_t extent : parameter.shape) count *= extent;
        forecast.parameters += count;
        if (isOfBlock(c, parameter.name)) {
            if (!parameter.name.starts_with(block)) {
                block = blockTensorName(c, ++layer, "", "");
                inBlock = 0;
            }
            inBlock += count;
            largestBlock = std::max(largestBlock, inBlock);
        } else if (parameter.shape.size() < 2 || parameter.shape.front() != c.vocabulary)
            beside += count;
        largest = std::max(largest, count);
    }
    forecast.usedParameters = forecast.parameters;
    for (const BlockConfig& config : c.blocks)
        if (config.experts)
            forecast.usedParameters -=
                (c.experts->count - c.experts->chosen) * 3 * c.experts->width * c.dModel;
    const std::int64_t width = dtypeBytes(dtype);
    forecast.loadBytes = forecast.parameters * width;
    // Stored values are widened to at most 4 bytes on their way.
    forecast.peakLoadBytes = forecast.loadBytes + largest * 4;

    const double rows = static_cast<double>(std::max<std::int64_t>(1, batch)) *
                        static_cast<double>(std::max<std::int64_t>(1, tokens));
    const double points =
        c.parallelBlocks ? static_cast<double>(c.layers) + 1 : 2.0 * static_cast<double>(c.layers) + 1;
    const double kept = rows * points * static_cast<double>(c.dModel) * 4;
    const double qkv = static_cast<double>((c.heads + 2 * c.kvHeads) * c.headDim);
    const double mlp = static_cast<double>(widestHidden(c)) * (c.gatedMlp ? 3 : 2);
    const double working = rows * (std::max(2 * qkv, mlp) + 6.0 * static_cast<double>(c.dModel)) * 4;
    // Attention scores are computed in pieces of bounded size.
    constexpr double scores = 256.0 * 1024 * 1024;
    const double attention = std::min(scores, rows * static_cast<double>(tokens * c.heads) * 8);
    const auto batchBytes = static_cast<std::int64_t>(std::min(kept + working + attention, 4e18));
    forecast.captureBytes = forecast.loadBytes + batchBytes;
    constexpr std::int64_t pieceOfVocabulary = std::int64_t{1} << 22;
    forecast.streamBytes = (2 * largestBlock + beside) * width +
                           std::min(pieceOfVocabulary, c.vocabulary * c.dModel) * (width + 4);
    forecast.streamCaptureBytes = forecast.streamBytes + batchBytes;
    return forecast;
}

namespace {

std::string digestOf(const std::string& text) {
    Sha256 hash;
    hash.update(text);
    return hash.hex();
}

/// A file of weights as its digest sees it.
struct HashedFile {
    std::int64_t bytes;
    std::span<const std::byte> header, data;
};

void hashFile(const HashedFile& file, Sha256& hash) {
    constexpr std::uint64_t blockBytes = 64 * 1024;
    constexpr std::uint64_t blocks = 64;
    std::array<std::byte, 8> size{};
    for (std::size_t i = 0; i < size.size(); ++i)
        size[i] = static_cast<std::byte>(static_cast<std::uint64_t>(file.bytes) >> (8 * i));
    hash.update(size);
    hash.update(file.header);
    if (file.data.size() < blocks * blockBytes) {
        hash.update(file.data);
        return;
    }
    for (std::uint64_t i = 0; i < blocks; ++i) {
        // The first block begins the data and the last ends them.
        const std::uint64_t offset = (file.data.size() - blockBytes) * i / (blocks - 1);
        hash.update(file.data.subspan(offset, blockBytes));
        forgetPages(file.data);  // around the block the system may have mapped much more than was read
    }
}

/// Whether what an adapter calls its base may be this model: its name, or its folder.
bool isNamed(const fs::path& folder, const std::string& base) {
    std::error_code failed;
    const std::string name = fs::path(base).filename().string();
    return modelTitle(folder) == base || (!name.empty() && name == fs::path(modelTitle(folder)).filename()) ||
           fs::equivalent(folder, base, failed);
}

}  // namespace

std::shared_ptr<const Checkpoint> Checkpoint::open(const fs::path& name, const AcceptedKeys& accepted,
                                                   const fs::path& adapter) {
    std::shared_ptr<Checkpoint> checkpoint(new Checkpoint);
    checkpoint->m_folder = locateModel(name.string());
    std::error_code failed;
    if (fs::is_regular_file(checkpoint->m_folder, failed))
        checkpoint->openGguf(accepted);
    else
        checkpoint->openFolder(accepted);
    if (!adapter.empty()) checkpoint->useAdapter(adapter);
    return checkpoint;
}

void Checkpoint::useAdapter(const fs::path& folder) {
    if (!m_weightsMissing.empty()) throw Error(ErrorCode::NotFound, m_weightsMissing, m_folder.string());
    if (!m_gguf.empty())
        throw Error(
            ErrorCode::Unsupported,
            fmt::format("{} is a GGUF file, whose weights are rounded and laid out otherwise than the ones "
                        "that the adapter {} was trained on; open the adapter with its base as a folder of "
                        "safetensors files{}",
                        m_folder.string(), folder.string(),
                        baseOfAdapter(folder).empty() ? "" : fmt::format(" ({})", baseOfAdapter(folder))),
            m_folder.string());
    m_adapter = openAdapter(folder.string(), m_config);
    for (const auto& [name, change] : m_adapter->changes)
        if (const StoredTensor* stored = find(name); stored != nullptr && stored->scaled != nullptr)
            throw Error(
                ErrorCode::Unsupported,
                fmt::format(
                    "{}: {} is stored as 8-bit floats with scales, to which PEFT adds nothing when it "
                    "merges; open the adapter {} with the model in bfloat16 or float32",
                    m_folder.string(), stored->name, folder.string()),
                m_folder.string());
    std::vector<std::string>& notes = m_config.notes;
    notes.push_back(
        fmt::format("the adapter {} is merged into the weights: {}", m_adapter->name, m_adapter->summary()));
    if (!m_adapter->base.empty() && !isNamed(m_folder, m_adapter->base))
        notes.push_back(fmt::format("the adapter says that it was made for {}, and is merged into {}",
                                    m_adapter->base.substr(0, 200), modelTitle(m_folder)));
    notes.insert(notes.end(), m_adapter->notes.begin(), m_adapter->notes.end());
    if (!m_adapter->unties) return;
    const TensorNames& names = m_config.names;
    m_parameters[names.unembedding + ".weight"] = m_parameters.at(names.prefix + names.embedding + ".weight");
    m_config.tiedUnembedding = false;
}

void Checkpoint::openFolder(const AcceptedKeys& accepted) {
    std::error_code failed;
    if (!fs::exists(fs::symlink_status(m_folder / "config.json", failed)))
        throw Error(ErrorCode::NotFound, describeFolderWithoutConfig(m_folder), m_folder.string());
    const std::string text = readFile(existingFile(m_folder, "config.json"), maxConfigBytes);
    m_config = parseModelConfig(text, (m_folder / "config.json").string(), accepted);
    m_configSha256 = digestOf(text);
    readTrainedLength();
    openWeights();
}

void Checkpoint::openGguf(const AcceptedKeys& accepted) {
    m_gguf = openGgufModel(m_folder);
    const std::string text = ggufConfig(m_gguf);
    m_config = parseModelConfig(text, m_folder.string(), accepted);
    m_configSha256 = digestOf(text);
    applyGgufLayout(m_gguf, m_config);
    useTensors(ggufParameters(m_gguf));
}

/// The demo model carries a note of its training; a foreign file of that name is not relied on.
void Checkpoint::readTrainedLength() {
    try {
        const std::string file = (m_folder / "training.json").string();
        const auto note = parseJsonObject(readFile(m_folder / "training.json", maxConfigBytes), file);
        const auto length = note.find("seq");
        if (length != note.end() && length->is_number_unsigned() && length->get<double>() >= 1 &&
            length->get<double>() < static_cast<double>(m_config.maxPositions))
            m_config.trainedPositions = length->get<std::int64_t>();
    } catch (const Error&) {
        return;
    }
}

void Checkpoint::openWeights() {
    WeightFiles weights = openWeightFiles(m_folder);
    m_files = std::move(weights.files);
    m_weightsMissing = std::move(weights.missing);
    std::move(weights.notes.begin(), weights.notes.end(), std::back_inserter(m_config.notes));
    if (!m_weightsMissing.empty()) return;
    std::vector<const StoredTensor*> tensors;
    for (const auto& file : m_files)
        for (const StoredTensor& tensor : file->tensors()) tensors.push_back(&tensor);
    useTensors(tensors);
}

void Checkpoint::useTensors(const std::vector<const StoredTensor*>& tensors) {
    TensorMatch match = matchTensors(m_config, tensors, m_folder.string());
    m_parameters = std::move(match.parameters);
    m_scaled = std::move(match.scaled);  // a moved deque keeps its elements where they are
    m_config.tiedUnembedding = match.tied;
    std::move(match.notes.begin(), match.notes.end(), std::back_inserter(m_config.notes));
}

const StoredTensor* Checkpoint::find(std::string_view name) const {
    const auto found = m_parameters.find(name);
    return found == m_parameters.end() ? nullptr : found->second;
}

std::int64_t Checkpoint::blockBytes() const {
    std::int64_t bytes = 0;
    for (const auto& [name, tensor] : m_parameters)
        if (isOfBlock(m_config, name)) bytes += std::ssize(tensor->bytes);
    return bytes;
}

std::optional<fs::path> Checkpoint::tokenizerPath() const {
    if (!m_gguf.empty())
        return m_gguf.front()->value("tokenizer.ggml.tokens") != nullptr ? std::optional(m_folder)
                                                                         : std::nullopt;
    const auto exists = [&](const char* name) {
        std::error_code failed;
        return fs::exists(m_folder / name, failed);
    };
    if (exists("tokenizer.json")) return m_folder / "tokenizer.json";
    if (exists("vocab.json") && exists("merges.txt")) return m_folder / "vocab.json";
    if (exists("tokenizer.model")) return m_folder / "tokenizer.model";
    return std::nullopt;
}

std::string Checkpoint::tokenizerDigest() const {
    const auto path = tokenizerPath();
    if (!path) return "";
    if (m_gguf.empty()) return sha256OfFile(*path);
    Sha256 hash;
    for (const GgufValue& value : m_gguf.front()->values())
        if (value.key.starts_with("tokenizer.")) {
            hash.update(std::string(value.key));
            hash.update(value.bytes);
        }
    return hash.hex();
}

ModelIdentity Checkpoint::identity(DType dtype, std::optional<std::uint64_t> untrainedSeed) const {
    std::call_once(m_hashed, [&] {
        m_tokenizerSha256 = tokenizerDigest();
        if (m_files.empty() && m_gguf.empty()) return;
        Sha256 hash;
        for (const auto& file : m_files) hashFile({file->fileBytes(), file->header(), file->data()}, hash);
        for (const auto& file : m_gguf) hashFile({file->fileBytes(), file->header(), file->data()}, hash);
        m_weightsSha256 = hash.hex();
        if (m_adapter != nullptr) m_weightsSha256 = digestOf(m_weightsSha256 + digestOf(*m_adapter));
    });
    ModelIdentity identity;
    identity.architecture = m_config.architecture;
    identity.layers = m_config.layers;
    identity.dModel = m_config.dModel;
    identity.vocabulary = m_config.vocabulary;
    identity.dtype = dtypeName(dtype);
    identity.untrainedSeed = untrainedSeed;
    identity.configSha256 = m_configSha256;
    identity.tokenizerSha256 = m_tokenizerSha256;
    identity.weightsSha256 = m_weightsSha256;
    identity.notes = m_config.notes;
    identity.acceptedKeys = m_config.acceptedKeys;
    return identity;
}

ReviewedCheckpoint openForReview(const fs::path& folder, const fs::path& adapter) {
    try {
        return {Checkpoint::open(folder, {}, adapter), ""};
    } catch (const Error& refusal) {
        if (refusal.code() != ErrorCode::Unsupported) throw;
        AcceptedKeys all;
        all.all = true;
        return {Checkpoint::open(folder, all, adapter), refusal.what()};
    }
}

void Checkpoint::requireUnwritten() const {
    for (const auto& file : m_files) file->requireUnwritten();
    for (const auto& file : m_gguf) file->requireUnwritten();
    if (m_adapter != nullptr) m_adapter->file->requireUnwritten();
}

}  // namespace rheo
