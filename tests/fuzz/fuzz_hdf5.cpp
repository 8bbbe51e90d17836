// Files that the program writes in HDF5 (traces, results, teleports and all others), changed by a stranger
// who knows the format: datasets removed, of other shapes, types and values, other attributes, sealed anew.
// Whatever they say: an Error, or numbers. The first byte of the input is the kind of file, the rest a list
// of changes. Damaged bytes, which the HDF5 library meets first, are the matter of flip_hdf5.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "core/base/error.h"
#include "core/trace/hdf5_file.h"
#include "tests/fuzz/flip_kinds.h"
#include "tests/fuzz/scratch.h"

using namespace rheo;
namespace fs = std::filesystem;

namespace {

constexpr int mostChanges = 6;
constexpr std::int64_t mostValues = std::int64_t{1} << 20;

/// What is left of the input; zeros behind its end.
struct Bytes {
    std::string_view left;

    std::size_t below(std::size_t bound) {
        if (bound == 0) return 0;
        const std::size_t high = byte();
        return (high * 256 + byte()) % bound;
    }
    unsigned char byte() {
        if (left.empty()) return 0;
        const auto value = static_cast<unsigned char>(left.front());
        left.remove_prefix(1);
        return value;
    }
};

struct Example {
    const FlipKind* kind = nullptr;
    fs::path file;
    std::vector<std::string> datasets;
    std::vector<std::string> objects;  ///< datasets and groups
};

/// Of each kind that is one HDF5 file.
const std::vector<Example>& exampleFiles() {
    static const std::vector<Example> made = [] {
        std::vector<Example> list;
        for (const auto& part : {traceKinds(), resultKinds(), laboratoryKinds()})
            for (const FlipKind& kind : part) {
                const std::string name = kind.name;
                if (name == "foreign" || name == "session") continue;
                const fs::path folder = scratch() / name;
                fs::create_directories(folder);
                Example example{&kind, folder / "whole.h5", {}, {"/"}};
                kind.write(example.file);
                const Hdf5File file = Hdf5File::openForReading(example.file);
                example.datasets = file.datasets(10000);
                for (const std::string& dataset : example.datasets) {
                    example.objects.push_back(dataset);
                    example.objects.push_back(fs::path(dataset).parent_path().string());
                }
                std::sort(example.objects.begin(), example.objects.end());
                example.objects.erase(std::unique(example.objects.begin(), example.objects.end()),
                                      example.objects.end());
                list.push_back(std::move(example));
            }
        return list;
    }();
    return made;
}

/// Numbers at the edges of what types hold, as each of them holds it.
template <class T>
T edge(Bytes& in) {
    constexpr double numbers[] = {0,   1,    -1,    2,          3,     7,    20,     24,   255,   256,
                                  1e6, -1e6, 65536, 2147483647, 4.3e9, 1e15, 9.2e18, 1e30, 1e300, 0.5};
    if constexpr (std::is_floating_point_v<T>) {
        const std::size_t which = in.below(std::size(numbers) + 2);
        if (which == std::size(numbers)) return std::numeric_limits<T>::quiet_NaN();
        if (which > std::size(numbers)) return std::numeric_limits<T>::infinity();
        return static_cast<T>(numbers[which]);
    } else {
        const double number = numbers[in.below(std::size(numbers))];
        if (number >= static_cast<double>(std::numeric_limits<T>::max()))
            return std::numeric_limits<T>::max();
        if (number <= static_cast<double>(std::numeric_limits<T>::min()))
            return std::numeric_limits<T>::min();
        return static_cast<T>(number);
    }
}

std::string text(Bytes& in) {
    constexpr const char* texts[] = {"",         "attn_in", "final", "raw",  "rms", "rheograph-trace", "[1,2",
                                     "bfloat16", "{}",      "null",  "\xFF", "..",  "/etc/hostname",   "P07"};
    return texts[in.below(std::size(texts))];
}

std::int64_t countOf(const std::vector<std::int64_t>& shape) {
    std::int64_t count = 1;
    for (const auto extent : shape) count *= extent;
    return count;
}

/// The dataset again as numbers of type T, of that shape, most of them as they were.
template <class T>
void writeAs(Hdf5File& file, const std::string& name, const std::vector<std::int64_t>& shape, Bytes& in) {
    std::vector<T> values;
    try {
        values = file.read<T>(name, mostValues);
    } catch (const Error&) {  // it holds texts
    }
    values.resize(static_cast<std::size_t>(countOf(shape)));
    if (!values.empty())
        for (std::size_t changes = in.below(4); changes > 0; --changes)
            values[in.below(values.size())] = edge<T>(in);
    file.remove(name);
    file.write<T>(name, values, shape);
}

void writeTexts(Hdf5File& file, const std::string& name, const std::vector<std::int64_t>& shape, Bytes& in) {
    std::vector<std::string> texts;
    if (file.hasStrings(name)) texts = file.readStrings(name);
    texts.resize(static_cast<std::size_t>(std::min<std::int64_t>(countOf(shape), 1000)));
    if (!texts.empty()) texts[in.below(texts.size())] = text(in);
    file.remove(name);
    file.writeStrings(name, texts);
}

using WriteAs = void (*)(Hdf5File&, const std::string&, const std::vector<std::int64_t>&, Bytes&);
constexpr WriteAs writers[] = {
    writeAs<float>,        writeAs<double>,        writeAs<std::int32_t>,  writeAs<std::int64_t>,
    writeAs<std::uint8_t>, writeAs<std::uint16_t>, writeAs<std::uint64_t>, writeTexts};

/// As the dataset is, or with other axes.
std::vector<std::int64_t> shapeFor(const Hdf5Info& info, Bytes& in) {
    std::vector<std::int64_t> shape = info.shape;
    switch (in.below(4)) {
        case 0: return shape;
        case 1:
            if (!shape.empty()) shape[in.below(shape.size())] = static_cast<std::int64_t>(in.below(33));
            return shape;
        case 2:
            if (!shape.empty()) std::swap(shape.front(), shape.back());
            return shape;
        default:
            shape.resize(in.below(5));
            for (auto& extent : shape) extent = static_cast<std::int64_t>(in.below(12));
            return shape;
    }
}

WriteAs writerFor(const Hdf5Info& info, Bytes& in) {
    constexpr std::pair<Hdf5Type, std::size_t> places[] = {
        {Hdf5Type::Float32, 0}, {Hdf5Type::Float64, 1}, {Hdf5Type::Int32, 2},  {Hdf5Type::Int64, 3},
        {Hdf5Type::UInt8, 4},   {Hdf5Type::UInt16, 5},  {Hdf5Type::UInt64, 6}, {Hdf5Type::String, 7}};
    if (in.below(4) != 0)
        for (const auto& [type, place] : places)
            if (type == info.type) return writers[place];
    return writers[in.below(std::size(writers))];
}

void setAttribute(Hdf5File& file, const std::string& object, Bytes& in) {
    constexpr const char* names[] = {
        "version",      "format",    "units",     "point",        "token",   "scaling",    "repeats",
        "seed",         "alone",     "encoding",  "layers",       "d_model", "best_epoch", "excluded_rows",
        "ranked_token", "clean",     "corrupted", "outcome",      "answer",  "foil",       "mode",
        "components",   "controls",  "is_line",   "axis",         "rows",    "samples",    "alignment",
        "matched_by",   "selection", "options",   "natural_token"};
    const std::string name = names[in.below(std::size(names))];
    switch (in.below(3)) {
        case 0: file.setAttribute(object, name, edge<std::int64_t>(in)); return;
        case 1: file.setAttribute(object, name, edge<double>(in)); return;
        default: file.setAttribute(object, name, text(in)); return;
    }
}

void change(Hdf5File& file, const Example& example, Bytes& in) {
    const std::size_t what = in.below(8);
    if (what == 0) {
        setAttribute(file, example.objects[in.below(example.objects.size())], in);
        return;
    }
    const std::string& name = example.datasets[in.below(example.datasets.size())];
    if (!file.exists(name)) return;
    if (what == 1) {
        file.remove(name);
        return;
    }
    const Hdf5Info info = file.info(name);
    const auto shape = shapeFor(info, in);
    if (countOf(shape) <= mostValues) writerFor(info, in)(file, name, shape, in);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto& list = exampleFiles();
    Bytes in{{reinterpret_cast<const char*>(data), size}};
    const Example& example = list[in.byte() % list.size()];
    const fs::path changed = example.file.parent_path() / "changed.h5";
    fs::copy_file(example.file, changed, fs::copy_options::overwrite_existing);
    try {
        Hdf5File file = Hdf5File::openForWriting(changed);
        for (int i = 0; i < mostChanges && !in.left.empty(); ++i) change(file, example, in);
        file.close();
    } catch (const Error&) {
        return 0;  // a change that cannot be made
    }
    try {
        example.kind->read(changed);
    } catch (const Error& error) {
        expect(std::string_view(error.what()).find("changed.h5") != std::string_view::npos,
               (std::string("a message without the file: ") + error.what()).c_str());
    }
    return 0;
}
