#include "core/checkpoint/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/output_file.h"
#include "core/checkpoint/json.h"
#include "core/checkpoint/model_cache.h"

namespace rheo {

namespace fs = std::filesystem;

namespace {

constexpr std::uintmax_t maxConfigBytes = 4 << 20;
constexpr std::uintmax_t maxIndexBytes = 32 << 20;
constexpr const char* singleFile = "model.safetensors";
constexpr const char* indexFile = "model.safetensors.index.json";

bool isInside(const fs::path& path, const fs::path& folder) {
    const auto [end, ignored] = std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
    return end == folder.end();
}

/// "; fetch it with `hf download ORG/NAME`" for a model of the Hugging Face cache, else nothing.
std::string fetchAdvice(const fs::path& folder) {
    const std::string command = fetchCommand(folder);
    return command.empty() ? "" : fmt::format("; fetch it with `{}`", command);
}

/// The path of a file of the checkpoint, by the name a person knows. What it leads to must not be outside the
/// folder; but the Hugging Face cache keeps a snapshot as links into the `blobs` folder beside it, and those
/// are followed.
fs::path resolved(const fs::path& folder, const std::string& name) {
    const fs::path path = folder / name;
    std::error_code failed;
    fs::path real = fs::canonical(path, failed);
    if (failed)
        throw Error(ErrorCode::NotFound,
                    fmt::format("there is no {} in {}{}", name, folder.string(), fetchAdvice(folder)),
                    path.string());
    const fs::path home = fs::canonical(folder, failed);
    if (isInside(real, home)) return path;
    const fs::path cached = home.parent_path().parent_path();
    if (home.parent_path().filename() == "snapshots" && isInside(real, cached / "blobs")) return path;
    throw Error(ErrorCode::Format,
                fmt::format("{} leads out of the model's folder, to {}; copy the file into the folder",
                            path.string(), real.string()),
                path.string());
}

std::string listed(const std::vector<std::string>& names) {
    const std::size_t shown = std::min<std::size_t>(names.size(), 5);
    std::string text =
        fmt::format("{}", fmt::join(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
    if (names.size() > shown) text += fmt::format(" and {} more", names.size() - shown);
    return text;
}

/// Which file holds which tensor, as the index of a sharded checkpoint says.
std::map<std::string, std::string> readIndex(const fs::path& path) {
    const std::string file = path.string();
    const nlohmann::json index = parseJsonObject(readFile(path, maxIndexBytes), file);
    const auto map = index.find("weight_map");
    if (map == index.end() || !map->is_object() || map->empty())
        throw Error(ErrorCode::Format, fmt::format("{} has no weight_map", file), file);
    std::map<std::string, std::string> shards;
    for (const auto& [tensor, shard] : map->items()) {
        const std::string name = shard.is_string() ? shard.get<std::string>() : "";
        const bool plain = !name.empty() && name.find('/') == std::string::npos &&
                           name.find('\\') == std::string::npos && name.find('\0') == std::string::npos &&
                           name.size() < 256 && fs::path(name).extension() == ".safetensors";
        if (!plain)
            throw Error(ErrorCode::Format,
                        fmt::format("{}: tensor '{}' is said to be in {}, which is not the name of a "
                                    ".safetensors file in the same folder",
                                    file, tensor.substr(0, 200), shard.dump().substr(0, 200)),
                        file);
        shards[tensor] = name;
    }
    return shards;
}

/// "model.decoder." -> "model.decoder.", "decoder.", "": what files saved from a part of the model keep.
std::vector<std::string> prefixesOf(const std::string& whole) {
    std::vector<std::string> list{whole};
    for (std::string rest = whole; !rest.empty();) {
        rest = rest.substr(rest.find('.') + 1);
        list.push_back(rest);
    }
    return list;
}

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

MemoryForecast forecastMemory(const ModelConfig& c, DType dtype, std::int64_t batch, std::int64_t tokens) {
    MemoryForecast forecast;
    std::int64_t largest = 0;
    for (const ParameterSpec& parameter : expectedParameters(c)) {
        std::int64_t count = 1;
        for (const std::int64_t extent : parameter.shape) count *= extent;
        forecast.parameters += count;
        largest = std::max(largest, count);
    }
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
    const double mlp = static_cast<double>(c.intermediate) * (c.gatedMlp ? 3 : 2);
    const double working = rows * (std::max(2 * qkv, mlp) + 6.0 * static_cast<double>(c.dModel)) * 4;
    // Attention scores are computed in pieces of bounded size.
    constexpr double scores = 256.0 * 1024 * 1024;
    const double attention = std::min(scores, rows * static_cast<double>(tokens * c.heads) * 8);
    forecast.captureBytes =
        forecast.loadBytes + static_cast<std::int64_t>(std::min(kept + working + attention, 4e18));
    return forecast;
}

std::shared_ptr<const Checkpoint> Checkpoint::open(const fs::path& name) {
    const fs::path folder = locateModel(name.string());
    std::error_code failed;
    if (!fs::exists(folder / "config.json", failed))
        throw Error(ErrorCode::NotFound,
                    fmt::format("{} holds no config.json, so it is not a model folder; choose the folder "
                                "that holds config.json and model.safetensors{}",
                                folder.string(), fetchAdvice(folder)),
                    folder.string());

    std::shared_ptr<Checkpoint> checkpoint(new Checkpoint);
    checkpoint->m_folder = folder;
    const std::string configFile = (folder / "config.json").string();
    const std::string text = readFile(resolved(folder, "config.json"), maxConfigBytes);
    checkpoint->m_config = parseModelConfig(text, configFile);
    Sha256 hash;
    hash.update(text);
    checkpoint->m_configSha256 = hash.hex();
    checkpoint->readTrainedLength();
    checkpoint->openWeights();
    if (checkpoint->m_weightsMissing.empty()) checkpoint->checkTensors();
    return checkpoint;
}

/// The demo model carries a note of its training; a foreign file of that name is not relied on.
void Checkpoint::readTrainedLength() {
    try {
        const std::string file = (m_folder / "training.json").string();
        const auto note =
            parseJsonObject(readFile(resolved(m_folder, "training.json"), maxConfigBytes), file);
        const auto length = note.find("seq");
        if (length != note.end() && length->is_number_unsigned() && length->get<double>() >= 1 &&
            length->get<double>() < static_cast<double>(m_config.maxPositions))
            m_config.trainedPositions = length->get<std::int64_t>();
    } catch (const Error&) {
        return;
    }
}

void Checkpoint::openWeights() {
    std::error_code failed;
    if (fs::exists(m_folder / singleFile, failed)) {
        m_files.push_back(SafetensorsFile::open(resolved(m_folder, singleFile)));
        return;
    }
    if (!fs::exists(m_folder / indexFile, failed)) {
        bool pickled = false;
        for (const auto& entry : fs::directory_iterator(m_folder, failed)) {
            const auto extension = entry.path().extension();
            pickled = pickled || extension == ".bin" || extension == ".pt" || extension == ".pth";
        }
        m_weightsMissing = fmt::format(
            "{} holds neither {} nor {}; {}", m_folder.string(), singleFile, indexFile,
            pickled ? "its pickled weights are never loaded, because a pickle can run code: save the model "
                      "again with safe_serialization=True"
                    : "fetch the model's .safetensors files");
        if (const std::string command = fetchCommand(m_folder); !pickled && !command.empty())
            m_weightsMissing += fmt::format(" with `{}`", command);
        return;
    }

    const fs::path index = m_folder / indexFile;
    const auto shards = readIndex(resolved(m_folder, indexFile));
    std::map<std::string, std::shared_ptr<const SafetensorsFile>> files;
    for (const auto& [tensor, file] : shards)
        if (files.count(file) == 0) files[file] = SafetensorsFile::open(resolved(m_folder, file));

    std::vector<std::string> absent;
    for (const auto& [tensor, file] : shards)
        if (files[file]->find(tensor) == nullptr) absent.push_back(fmt::format("{} (in {})", tensor, file));
    if (!absent.empty())
        throw Error(
            ErrorCode::Mismatch,
            fmt::format("{} names tensors that are not in their files: {}", index.string(), listed(absent)),
            index.string());
    for (const auto& [name, file] : files) {
        for (const StoredTensor& tensor : file->tensors()) {
            const auto entry = shards.find(tensor.name);
            if (entry == shards.end() || entry->second != name)
                throw Error(
                    ErrorCode::Mismatch,
                    fmt::format("{}: tensor '{}' is in {}, and the index says {}", index.string(),
                                tensor.name, name, entry == shards.end() ? "nothing of it" : entry->second),
                    index.string());
        }
        m_files.push_back(file);
    }
}

void Checkpoint::checkTensors() {
    const TensorNames& names = m_config.names;
    const std::string where = m_folder.string();
    std::map<std::string, const StoredTensor*, std::less<>> stored;
    for (const auto& file : m_files)
        for (const StoredTensor& tensor : file->tensors()) stored[tensor.name] = &tensor;

    m_prefix = names.prefix;
    for (const std::string& prefix : prefixesOf(names.prefix))
        if (stored.count(prefix + names.embedding + ".weight") != 0) {
            m_prefix = prefix;
            break;
        }

    std::set<std::string> expected;
    std::vector<std::string> missing;
    std::vector<std::string> misshapen;
    const auto expect = [&](const std::string& name, const std::vector<std::int64_t>& shape) {
        expected.insert(name);
        const auto found = stored.find(name);
        if (found == stored.end()) {
            missing.push_back(name);
            return;
        }
        const StoredTensor& tensor = *found->second;
        const StoredType type = tensor.type;
        const bool isFloat = type == StoredType::F32 || type == StoredType::F16 || type == StoredType::BF16 ||
                             type == StoredType::F64;
        if (tensor.shape != shape)
            misshapen.push_back(fmt::format("{} is [{}] where the config says [{}]", name,
                                            fmt::join(tensor.shape, ", "), fmt::join(shape, ", ")));
        else if (!isFloat)
            throw Error(ErrorCode::Unsupported,
                        fmt::format("{}: tensor {} holds {}; weights are read as F32, F16, BF16 or F64",
                                    where, name, storedTypeName(type)),
                        where);
    };
    for (const ParameterSpec& parameter : expectedParameters(m_config))
        expect(fileName(parameter.name), parameter.shape);
    // Files of a tied model may carry the shared matrix under both names.
    const std::string unembedding = names.unembedding + ".weight";
    if (m_config.tiedUnembedding && stored.count(unembedding) != 0)
        expect(unembedding, {m_config.vocabulary, m_config.dModel});

    std::vector<std::string> surplus;
    for (const auto& [name, tensor] : stored) {
        if (expected.count(name) != 0) {
            m_tensors.push_back(tensor);
            continue;
        }
        const bool buffer =
            std::any_of(names.buffers.begin(), names.buffers.end(), [&name = name](const auto& ending) {
                return name == ending || (name.size() > ending.size() && name.ends_with("." + ending));
            });
        if (!buffer) surplus.push_back(name);
    }
    const auto refuse = [&](const char* what, const std::vector<std::string>& list) {
        throw Error(ErrorCode::Mismatch,
                    fmt::format("{}: the weights do not fit the config, {}: {}", where, what, listed(list)),
                    where);
    };
    if (!missing.empty()) refuse("tensors are missing", missing);
    if (!misshapen.empty()) refuse("tensors have another shape", misshapen);
    if (!surplus.empty()) refuse("the config does not account for tensors", surplus);
}

std::string Checkpoint::fileName(std::string_view name) const {
    const std::string& prefix = m_config.names.prefix;
    if (!name.starts_with(m_config.names.unembedding + ".") && name.starts_with(prefix))
        return m_prefix + std::string(name.substr(prefix.size()));
    return std::string(name);
}

const StoredTensor* Checkpoint::find(std::string_view name) const {
    const std::string wanted = fileName(name);
    const auto found =
        std::lower_bound(m_tensors.begin(), m_tensors.end(), wanted,
                         [](const StoredTensor* a, const std::string& b) { return a->name < b; });
    return found != m_tensors.end() && (*found)->name == wanted ? *found : nullptr;
}

std::optional<fs::path> Checkpoint::tokenizerPath() const {
    std::error_code failed;
    if (!fs::exists(m_folder / "tokenizer.json", failed)) return std::nullopt;
    return resolved(m_folder, "tokenizer.json");
}

ModelIdentity Checkpoint::identity(DType dtype, std::optional<std::uint64_t> untrainedSeed) const {
    std::call_once(m_hashed, [&] {
        if (const auto path = tokenizerPath()) m_tokenizerSha256 = sha256OfFile(*path);
        if (m_files.empty()) return;
        constexpr std::uint64_t blockBytes = 64 * 1024;
        constexpr std::uint64_t blocks = 64;
        Sha256 hash;
        for (const auto& file : m_files) {
            std::array<std::byte, 8> size{};
            for (std::size_t i = 0; i < size.size(); ++i)
                size[i] = static_cast<std::byte>(static_cast<std::uint64_t>(file->fileBytes()) >> (8 * i));
            hash.update(size);
            hash.update(file->header());
            const auto data = file->data();
            if (data.size() < blocks * blockBytes) {
                hash.update(data);
                continue;
            }
            for (std::uint64_t i = 0; i < blocks; ++i) {
                // The first block begins the data and the last ends them.
                const std::uint64_t offset = (data.size() - blockBytes) * i / (blocks - 1);
                hash.update(data.subspan(offset, blockBytes));
            }
        }
        m_weightsSha256 = hash.hex();
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
    return identity;
}

}  // namespace rheo
