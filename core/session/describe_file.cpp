#include "core/session/describe_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string_view>

#include "core/base/error.h"
#include "core/base/shell_word.h"
#include "core/checkpoint/safetensors.h"
#include "core/results/vector_file.h"
#include "core/session/session_file.h"
#include "core/tokenizer/tokenizer.h"
#include "core/trace/hdf5_file.h"
#include "core/trace/npy.h"

namespace rheo {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t headBytes = 1 << 17;

/// What every kind is described from.
struct Input {
    fs::path path;
    std::string head;  ///< the first bytes
    std::string name() const { return path.string(); }
    std::string word() const { return shellWord(name()); }  ///< in a command
    bool startsWith(std::string_view magic) const { return std::string_view(head).starts_with(magic); }
};

std::string shapeInWords(const std::vector<std::int64_t>& shape) {
    return shape.empty() ? "a single value" : fmt::format("{}", fmt::join(shape, " x "));
}

FileDescription describeResults(const Hdf5File& file, const Input& input) {
    FileDescription found{"results", "results of rheo analyze or rheo report", {}, {}};
    std::vector<std::string> statistics, nulls;
    for (const auto& name : file.children("/")) {
        if (name == "source") continue;
        statistics.push_back(name);
        if (!file.exists("/" + name + "/null")) continue;
        for (const auto& null : file.children("/" + name + "/null"))
            if (std::find(nulls.begin(), nulls.end(), null) == nulls.end()) nulls.push_back(null);
    }
    if (const auto path = file.textAttribute("/source", "path")) found.facts.emplace_back("trace", *path);
    if (const auto model = file.textAttribute("/source", "architecture"))
        found.facts.emplace_back("architecture", *model);
    if (const auto units = file.integerAttribute("/source", "units"))
        found.facts.emplace_back("d_model", *units);
    found.facts.emplace_back("statistics", statistics);
    found.facts.emplace_back("nulls", nulls);
    found.next = fmt::format("rheo figure {} --view VIEW --out figure.svg", input.word());
    return found;
}

FileDescription describeTeleport(const Hdf5File& file, const Input& input) {
    FileDescription found{
        "teleport", "a teleport: one state moved, and the path that the network computed from it", {}, {}};
    for (const char* name : {"point", "mode"})
        if (const auto value = file.textAttribute("/", name)) found.facts.emplace_back(name, *value);
    if (const auto token = file.integerAttribute("/", "token")) found.facts.emplace_back("token", *token);
    found.next = fmt::format("rheo figure {} --view teleport --out teleport.svg", input.word());
    return found;
}

FileDescription describePatchMap(const Hdf5File& file, const Input& input) {
    FileDescription found{
        "patch_map", "a patch map: which states of a clean prompt restore its outcome", {}, {}};
    for (const char* name : {"outcome", "answer_text", "foil_text"})
        if (const auto value = file.textAttribute("/", name)) found.facts.emplace_back(name, *value);
    if (file.exists("/along")) found.facts.emplace_back("along", file.readStrings("/axis_names"));
    found.next = fmt::format("rheo figure {} --view patch_map --out patch_map.svg", input.word());
    return found;
}

FileDescription describeAttribution(const Hdf5File& file, const Input& input) {
    FileDescription found{
        "attribution", "an attribution: how much each block added to the logit of a token", {}, {}};
    for (const char* name : {"answer_text", "foil_text"})
        if (const auto value = file.textAttribute("/", name)) found.facts.emplace_back(name, *value);
    if (const auto token = file.integerAttribute("/", "token")) found.facts.emplace_back("token", *token);
    found.next = fmt::format("rheo figure {} --view attribution --out attribution.svg", input.word());
    return found;
}

FileDescription describeRouting(const Hdf5File& file, const Input& input) {
    FileDescription found{"routing", "routing: the choices of the routers of a mixture of experts", {}, {}};
    const auto shape = file.info("/probabilities").shape;
    if (shape.size() == 3) {
        found.facts.emplace_back("tokens", shape[0]);
        found.facts.emplace_back("blocks", shape[1]);
        found.facts.emplace_back("experts", shape[2]);
    }
    found.next = fmt::format("rheo figure {} --view routing --out routing.svg", input.word());
    return found;
}

FileDescription describeFlow(const Hdf5File& file, const Input& input) {
    FileDescription found{"flow", "a flow: where a network moves the states of a grid", {}, {}};
    if (file.exists("/axis_names")) found.facts.emplace_back("axes", file.readStrings("/axis_names"));
    if (const auto token = file.integerAttribute("/", "token")) found.facts.emplace_back("token", *token);
    found.next = fmt::format("rheo figure {} --view flow --out flow.svg", input.word());
    return found;
}

FileDescription describeResponse(const Hdf5File& file, const Input& input) {
    FileDescription found{
        "response", "a response: how far the output moves for pushes of growing size", {}, {}};
    for (const char* name : {"along", "unit_name"})
        if (const auto value = file.textAttribute("/", name)) found.facts.emplace_back(name, *value);
    if (const auto token = file.integerAttribute("/", "token")) found.facts.emplace_back("token", *token);
    found.next = fmt::format("rheo figure {} --view response --out response.svg", input.word());
    return found;
}

FileDescription describeComparison(const Hdf5File& file, const Input& input) {
    FileDescription found{"comparison", "a comparison of two or more sources", {}, {}};
    const std::int64_t count =
        std::clamp<std::int64_t>(file.integerAttribute("/", "sources").value_or(0), 0, 64);
    std::vector<std::string> names, statistics;
    for (std::int64_t i = 0; i < count; ++i)
        if (const auto name = file.textAttribute(fmt::format("/sources/{}", i), "name"))
            names.push_back(*name);
    found.facts.emplace_back("sources", names);
    if (const auto alignment = file.textAttribute("/", "alignment"))
        found.facts.emplace_back("alignment", *alignment);
    if (file.exists("/pairs/1/differences")) statistics = file.children("/pairs/1/differences");
    found.facts.emplace_back("statistics", statistics);
    if (const auto by = file.exists("/pairs/1/matched") ? file.textAttribute("/pairs/1/matched", "matched_by")
                                                        : std::nullopt)
        found.facts.emplace_back("paired by", *by);
    found.next = fmt::format("rheo figure {} --view compare_cka --out cka.svg", input.word());
    return found;
}

FileDescription describeForeignHdf5(const Hdf5File& file, const Input& input) {
    FileDescription found{"hdf5", "an HDF5 file of another program", {}, {}};
    const auto names = file.datasets(100000);
    constexpr std::size_t most = 20;
    std::vector<std::string> shown;
    for (std::size_t i = 0; i < std::min(most, names.size()); ++i)
        shown.push_back(fmt::format("{} [{}]", names[i], fmt::join(file.info(names[i]).shape, ", ")));
    if (names.size() > most) shown.push_back(fmt::format("and {} more", names.size() - most));
    found.facts.emplace_back("datasets", shown);
    found.next = fmt::format("if these are hidden states: rheo import {} --out trace.rheo.h5", input.word());
    return found;
}

FileDescription describeTrace(const Hdf5File&, const Input&) {
    return {"trace", "a trace", {}, {}};
}

FileDescription describeIntervention(const Hdf5File&, const Input&) {
    return {"intervention", "a text with edited states, beside the natural one", {}, {}};
}

/// Files of this program by their attribute `format`.
struct OwnFormat {
    std::string_view format;
    FileDescription (*describe)(const Hdf5File& file, const Input& input);
};
constexpr std::array ownFormats{OwnFormat{"rheograph-trace", describeTrace},
                                OwnFormat{"rheograph-results", describeResults},
                                OwnFormat{"rheograph-teleport", describeTeleport},
                                OwnFormat{"rheograph-patch-map", describePatchMap},
                                OwnFormat{"rheograph-attribution", describeAttribution},
                                OwnFormat{"rheograph-routing", describeRouting},
                                OwnFormat{"rheograph-flow", describeFlow},
                                OwnFormat{"rheograph-response", describeResponse},
                                OwnFormat{"rheograph-comparison", describeComparison},
                                OwnFormat{"rheograph-intervention", describeIntervention}};

FileDescription describeHdf5(const Input& input) {
    const Hdf5File file = Hdf5File::openForReading(input.path);
    const auto format = file.textAttribute("/", "format");
    if (!format && file.exists("/residual")) return describeTrace(file, input);
    for (const OwnFormat& own : ownFormats)
        if (format && *format == own.format) return own.describe(file, input);
    return describeForeignHdf5(file, input);
}

FileDescription describeVectors(const Input& input) {
    FileDescription found{"vectors", "directions or displacements of the residual stream", {}, {}};
    const std::vector<NamedVector> vectors = readVectors(input.path);
    std::vector<std::string> names, points;
    for (const NamedVector& vector : vectors) {
        names.push_back(vector.name);
        if (!vector.point.empty() && std::find(points.begin(), points.end(), vector.point) == points.end())
            points.push_back(vector.point);
    }
    found.facts.emplace_back("vectors", names);
    found.facts.emplace_back("points", points);
    if (!vectors.empty())
        found.facts.emplace_back("d_model", static_cast<std::int64_t>(vectors.front().values.size()));
    found.next = fmt::format("rheo directions --list {}", input.word());
    return found;
}

FileDescription describeSafetensors(const Input& input) {
    const auto file = SafetensorsFile::open(input.path);
    if (isVectorFile(*file)) return describeVectors(input);
    FileDescription found{"safetensors", "tensors in a safetensors file", {}, {}};
    std::int64_t values = 0;
    std::set<std::string> types;
    for (const auto& tensor : file->tensors()) {
        values += static_cast<std::int64_t>(tensor.bytes.size()) * 8 / storedTypeBits(tensor.type);
        types.emplace(storedTypeName(tensor.type));
    }
    found.facts.emplace_back("tensors", static_cast<std::int64_t>(file->tensors().size()));
    found.facts.emplace_back("values", values);
    found.facts.emplace_back("dtypes", std::vector<std::string>(types.begin(), types.end()));
    if (!file->tensors().empty()) {
        const auto& first = file->tensors().front();
        found.facts.emplace_back("first", fmt::format("{}, {}", first.name, shapeInWords(first.shape)));
    }
    const fs::path folder = input.path.has_parent_path() ? input.path.parent_path() : fs::path(".");
    std::error_code ignored;
    found.next =
        fs::exists(folder / "config.json", ignored)
            ? fmt::format("it belongs to the model in its folder: rheo info {}", shellWord(folder.string()))
            : fmt::format(
                  "weights need the config.json of their model beside them; hidden states are "
                  "read by rheo import {} --out trace.rheo.h5",
                  input.word());
    return found;
}

/// Little-endian numbers and strings at the beginning of a GGUF file
/// (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md); ends quietly where the head ends.
class GgufHead {
public:
    explicit GgufHead(std::string_view bytes) : m_bytes(bytes) {}
    template <class T>
    std::optional<T> number() {
        if (m_bytes.size() < sizeof(T)) return std::nullopt;
        T value{};
        std::memcpy(&value, m_bytes.data(), sizeof(T));
        m_bytes.remove_prefix(sizeof(T));
        return value;
    }
    std::optional<std::string> text() {
        const auto length = number<std::uint64_t>();
        if (!length || *length > m_bytes.size()) return std::nullopt;
        std::string value(m_bytes.substr(0, *length));
        m_bytes.remove_prefix(*length);
        return value;
    }
    bool skip(std::size_t bytes) {
        if (bytes > m_bytes.size()) return false;
        m_bytes.remove_prefix(bytes);
        return true;
    }

private:
    std::string_view m_bytes;
};

/// The texts among the first metadata, up to the first array.
std::map<std::string, std::string> ggufTexts(GgufHead& head, std::uint64_t count) {
    constexpr std::uint32_t textType = 8;
    constexpr std::array<std::size_t, 13> sizes{1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    std::map<std::string, std::string> texts;
    for (std::uint64_t i = 0; i < count; ++i) {
        const auto key = head.text();
        const auto type = key ? head.number<std::uint32_t>() : std::nullopt;
        if (!type || *type >= sizes.size()) break;
        if (*type == textType) {
            const auto value = head.text();
            if (!value) break;
            texts[*key] = *value;
        } else if (sizes[*type] == 0 || !head.skip(sizes[*type])) {
            break;
        }
    }
    return texts;
}

FileDescription describeGguf(const Input& input) {
    FileDescription found{"gguf", "a model as llama.cpp stores it (GGUF)", {}, {}};
    GgufHead head(std::string_view(input.head).substr(4));
    const auto version = head.number<std::uint32_t>();
    const auto tensors = version ? head.number<std::uint64_t>() : std::nullopt;
    const auto metadata = tensors ? head.number<std::uint64_t>() : std::nullopt;
    if (!metadata)
        throw Error(ErrorCode::Format, input.name() + " begins as a GGUF file and ends within its header",
                    input.name());
    found.facts.emplace_back("version", std::int64_t{*version});
    found.facts.emplace_back("tensors",
                             static_cast<std::int64_t>(std::min<std::uint64_t>(*tensors, 1ULL << 62)));
    const auto texts = ggufTexts(head, *metadata);
    for (const char* key : {"general.architecture", "general.name"})
        if (const auto value = texts.find(key); value != texts.end())
            found.facts.emplace_back(key + 8, value->second);
    found.next = fmt::format("it opens as a model: rheo info {}", input.word());
    return found;
}

FileDescription describeNpy(const Input& input) {
    const auto header = parseNpyHeader(std::as_bytes(std::span(input.head)), input.name());
    FileDescription found{"npy", "an array of NumPy", {}, {}};
    found.facts.emplace_back("dtype", header.dtype);
    found.facts.emplace_back("shape", shapeInWords(header.shape));
    found.next = fmt::format("if these are hidden states: rheo import {} --out trace.rheo.h5", input.word());
    return found;
}

FileDescription describePickle(const Input&) {
    return {"pytorch",
            "a file of pickled Python objects (torch.save, pickle)",
            {},
            "rheo never loads pickles, because they can run code; save the tensors as safetensors"};
}

FileDescription describeZip(const Input& input) {
    // The name of the first member lies 30 bytes into its header.
    const std::string_view first =
        std::string_view(input.head).substr(std::min<std::size_t>(30, input.head.size()), 200);
    if (first.find("data.pkl") != std::string_view::npos) return describePickle(input);
    if (first.find(".npy") == std::string_view::npos)
        throw Error(ErrorCode::Format,
                    input.name() + " is a zip archive, but not a NumPy archive (.npz); unpack it first",
                    input.name());
    return {"npz",
            "arrays of NumPy in a zip archive",
            {},
            fmt::format("if these are hidden states: rheo import {} --out trace.rheo.h5", input.word())};
}

std::int64_t countLines(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    std::vector<char> buffer(1 << 20);
    std::int64_t lines = 0;
    char last = '\n';
    while (in.read(buffer.data(), static_cast<std::streamsize>(buffer.size())) || in.gcount() > 0) {
        const auto end = buffer.begin() + in.gcount();
        lines += std::count(buffer.begin(), end, '\n');
        last = *(end - 1);
    }
    return lines + (last == '\n' ? 0 : 1);
}

FileDescription describeText(const Input& input) {
    const std::string name = input.path.filename().string();
    const fs::path folder = input.path.has_parent_path() ? input.path.parent_path() : fs::path(".");
    if (name == "config.json" || name == "tokenizer.json" || name == "tokenizer_config.json" ||
        name == "generation_config.json" || name.ends_with(".index.json"))
        return {"json",
                "a part of a model's folder",
                {},
                fmt::format("rheo info {}", shellWord(folder.string()))};
    FileDescription found{"text", "a text", {}, {}};
    const auto first = input.head.find_first_not_of(" \t\r\n");
    const bool lines = name.ends_with(".jsonl") || (first != std::string::npos && input.head[first] == '{');
    if (lines) found.summary = "JSON, or JSON Lines";
    found.facts.emplace_back("lines", countLines(input.path));
    found.next =
        fmt::format("as prompts, {}: rheo capture --model MODEL --prompts {} --out trace.rheo.h5",
                    lines ? "an object with `text` or `ids` each line" : "one each line", input.word());
    return found;
}

/// UTF-8 without NUL; the last character may be cut.
bool looksLikeText(const std::string& head) {
    if (head.find('\0') != std::string::npos) return false;
    const auto bad = firstInvalidUtf8(head);
    return !bad || (head.size() == headBytes && *bad + 4 > head.size());
}

Input readHead(const fs::path& path) {
    std::error_code failed;
    const auto status = fs::status(path, failed);
    if (!fs::exists(status))
        throw Error(ErrorCode::NotFound, fmt::format("there is no file {}", path.string()), path.string());
    if (!fs::is_regular_file(status))
        throw Error(ErrorCode::Io, path.string() + " is not a regular file", path.string());
    std::ifstream in(path, std::ios::binary);
    if (!in)
        throw Error(ErrorCode::Io, fmt::format("cannot open {}: {}", path.string(), std::strerror(errno)),
                    path.string());
    Input input{path, std::string(headBytes, '\0')};
    in.read(input.head.data(), static_cast<std::streamsize>(input.head.size()));
    input.head.resize(static_cast<std::size_t>(in.gcount()));
    if (input.head.empty()) throw Error(ErrorCode::Format, path.string() + " is empty", path.string());
    return input;
}

FileDescription describeSavedSession(const Input& input) {
    const SessionSummary summary = describeSessionFile(input.path);
    FileDescription found{"session", "a session of the window", {}, {}};
    if (!summary.title.empty()) found.facts.emplace_back("of", summary.title);
    found.facts.emplace_back("saved", summary.saved);
    if (summary.rows >= 0) found.facts.emplace_back("rows", summary.rows);
    found.facts.emplace_back("teleports", summary.teleports);
    found.next = fmt::format("rheograph {}", input.word());
    return found;
}

}  // namespace

FileDescription describeFile(const fs::path& path) {
    const Input input = readHead(path);
    if (isSessionFile(path)) return describeSavedSession(input);
    struct Kind {
        std::string_view magic;
        FileDescription (*describe)(const Input&);
    };
    static constexpr Kind kinds[] = {
        {"\x89HDF\r\n\x1a\n", describeHdf5}, {"GGUF", describeGguf},       {"\x93NUMPY", describeNpy},
        {"PK\x03\x04", describeZip},         {"\x80\x02", describePickle}, {"\x80\x03", describePickle},
        {"\x80\x04", describePickle},        {"\x80\x05", describePickle},
    };
    if (beginsAsSafetensors(input.head)) return describeSafetensors(input);
    for (const auto& kind : kinds)
        if (input.startsWith(kind.magic)) return kind.describe(input);
    if (looksLikeText(input.head)) return describeText(input);
    if (path.extension() == ".h5" || path.extension() == ".hdf5") return describeHdf5(input);  // says why not
    throw Error(ErrorCode::Format,
                path.string() +
                    " is not a file that rheo knows: it knows traces, results, teleports, HDF5, .npy, .npz, "
                    "safetensors, GGUF, sessions, figures with a recipe, and texts",
                path.string());
}

}  // namespace rheo
