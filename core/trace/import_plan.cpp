#include "core/trace/import_plan.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "core/base/error.h"
#include "core/base/output_file.h"
#include "core/trace/import_samples.h"

namespace rheo {

namespace fs = std::filesystem;

namespace {

// What a shape may claim at most: a trace with more could be neither read nor analysed.
constexpr std::int64_t mostRows = std::int64_t{1} << 24;
constexpr std::int64_t mostPoints = 1'000'000;
constexpr std::int64_t mostUnits = 100'000'000;
constexpr std::int64_t mostRowValues = std::int64_t{1} << 28;

std::string shapeName(const std::vector<std::int64_t>& shape) {
    return fmt::format("[{}]", fmt::join(shape, ", "));
}

std::string counted(std::int64_t count, std::string_view thing) {
    return fmt::format("{} {}{}", count, thing, count == 1 ? "" : "s");
}

bool hasAxis(const std::vector<ImportAxis>& layout, ImportAxis axis) {
    return std::find(layout.begin(), layout.end(), axis) != layout.end();
}

// ------------------------------------------------------------------------------------- arrays and their
// roles

/// What the arrays of the input are.
struct Inventory {
    std::vector<std::size_t> states;  ///< could be states: floating-point, two axes or more
    std::vector<std::size_t> sides;   ///< masks, lengths and token ids
    std::vector<std::size_t> leftOut;
};

bool isStates(const ImportArray& array) {
    return array.type && isFloating(*array.type);
}

/// Bits that `--dtype-of` says to be floating-point numbers.
void applyDtype(const std::string& dtypeOf, ImportArray& array) {
    if (dtypeOf.empty() || !array.type) return;
    if (array.untyped || array.type == ElementType::UInt16 || array.type == ElementType::Int16)
        array.type = dtypeOf == "float16" ? ElementType::Float16 : ElementType::BFloat16;
}

std::string describeArray(const std::string& name, const ImportArray& array) {
    return fmt::format("'{}' ({}, {})", name, array.typeName, shapeName(array.shape));
}

std::string dtypeHint(const ImportArray& array) {
    const bool twoBytes = array.type == ElementType::UInt16 || array.type == ElementType::Int16;
    return twoBytes ? "; where these are the bits of bfloat16, say --dtype-of bfloat16" : "";
}

/// Indices of the arrays that the person asked for; all of them if nothing is asked.
std::vector<std::size_t> askedArrays(const fs::path& input, const std::vector<std::string>& names,
                                     const std::string& remark, const ImportOptions& options) {
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < names.size(); ++i) {
        const bool named =
            options.dataset.empty() || names[i] == options.dataset || names[i] == "/" + options.dataset;
        const bool matched =
            options.tensors.empty() || ::fnmatch(options.tensors.c_str(), names[i].c_str(), 0) == 0;
        if (named && matched) found.push_back(i);
    }
    if (found.empty())
        throw Error(ErrorCode::NotFound,
                    fmt::format("{} holds nothing named {}; it holds {}{}", input.string(),
                                options.dataset.empty() ? options.tensors : options.dataset, someNames(names),
                                remark.empty() ? "" : "; " + remark),
                    input.string());
    return found;
}

/// Throws for an input without any states.
[[noreturn]] void refuseWithoutStates(const fs::path& input, const ImportPlan& plan,
                                      const std::vector<std::size_t>& leftOut) {
    std::vector<std::string> texts;
    std::string hint;
    bool pickled = true;
    for (const auto i : leftOut) {
        texts.push_back(describeArray(plan.names[i], plan.described[i]));
        if (hint.empty()) hint = dtypeHint(plan.described[i]);
        pickled &= plan.described[i].pickled;
    }
    if (pickled && !leftOut.empty()) refusePickle(input, "holds Python objects, pickled");
    throw Error(
        ErrorCode::Unsupported,
        fmt::format("{} holds no floating-point array of two axes or more (float16, bfloat16, float32 or "
                    "float64); it holds {}{}",
                    input.string(), someNames(texts), hint),
        input.string());
}

bool isSide(const std::string& name, const ImportOptions& options) {
    return sideRole(name) != SideRole::None || name == options.mask || name == "/" + options.mask;
}

Inventory takeInventory(const fs::path& input, ImportPlan& plan, const ImportOptions& options) {
    Inventory inventory;
    const bool chosen = !options.dataset.empty() || !options.tensors.empty();
    const auto look = [&](std::size_t i) -> const ImportArray& {
        plan.described[i] = plan.source->describe(i);
        applyDtype(options.dtypeOf, plan.described[i]);
        return plan.described[i];
    };
    for (std::size_t i = 0; i < plan.names.size(); ++i)
        if (isSide(plan.names[i], options)) inventory.sides.push_back(i);
    for (const auto i : askedArrays(input, plan.names, plan.source->remark(), options)) {
        if (isSide(plan.names[i], options) && options.dataset.empty()) continue;
        const ImportArray& array = look(i);
        if (isStates(array) && (chosen || array.shape.size() >= 2))
            inventory.states.push_back(i);
        else
            inventory.leftOut.push_back(i);
    }
    if (inventory.states.empty()) {
        if (inventory.leftOut.empty())
            for (const auto i : inventory.sides) inventory.leftOut.push_back((look(i), i));
        refuseWithoutStates(input, plan, inventory.leftOut);
    }
    return inventory;
}

// -------------------------------------------------------------------------------------------------- parts

/// The arrays of each sample by the rest of their names; one group without a sample where names tell none.
using Groups = std::vector<std::pair<std::string, std::map<std::string, std::size_t>>>;

/// Numbered arrays are samples if each holds all points, or if they have NumPy's own names (arr_0, as
/// numpy.savez gives to a list) and differ in shape, as points never do.
bool areNumberedSamples(const ImportPlan& plan, const std::vector<std::size_t>& arrays,
                        const ImportOptions& options) {
    std::vector<std::string> names;
    for (const auto i : arrays) names.push_back(plan.names[i]);
    if (!isNumberedSeries(names)) return false;
    if (options.layout.find("point") != std::string::npos) return true;
    const auto& shape = plan.described[arrays.front()].shape;
    return names.front().starts_with("arr_") && std::any_of(arrays.begin(), arrays.end(), [&](auto i) {
               return plan.described[i].shape != shape;
           });
}

Groups groupBySample(const ImportPlan& plan, Inventory& inventory, const ImportOptions& options) {
    std::map<std::string, std::map<std::string, std::size_t>> found;
    std::vector<std::size_t> without;
    for (const auto i : inventory.states) {
        const auto name = parseSampleName(plan.names[i]);
        if (name)
            found[name->sample].emplace(name->rest, i);
        else
            without.push_back(i);
    }
    if (found.empty() && areNumberedSamples(plan, without, options)) {
        std::sort(without.begin(), without.end(),
                  [&](std::size_t a, std::size_t b) { return naturalLess(plan.names[a], plan.names[b]); });
        Groups groups;
        for (std::size_t k = 0; k < without.size(); ++k)
            groups.push_back({std::to_string(k), {{"", without[k]}}});
        return groups;
    }
    if (found.empty()) {
        std::map<std::string, std::size_t> all;
        for (const auto i : without) all.emplace(plan.names[i], i);
        return {{"", std::move(all)}};
    }
    inventory.leftOut.insert(inventory.leftOut.end(), without.begin(), without.end());
    Groups groups(found.begin(), found.end());
    std::sort(groups.begin(), groups.end(),
              [](const auto& a, const auto& b) { return naturalLess(a.first, b.first); });
    return groups;
}

void requireSameNames(const fs::path& input, const Groups& groups) {
    const auto& first = groups.front();
    for (const auto& group : groups)
        for (const auto* pair : {&first, &group}) {
            const auto& other = pair == &first ? group : first;
            for (const auto& [rest, index] : pair->second)
                if (!other.second.contains(rest))
                    throw Error(
                        ErrorCode::Mismatch,
                        fmt::format("{}: sample {} has an array '{}' and sample {} has none; the same arrays "
                                    "of every sample were expected (choose with --tensors)",
                                    input.string(), pair->first, rest, other.first),
                        input.string());
        }
}

/// Chooses the arrays of each part and orders them in depth. The choice is that of the first part, by indices
/// of the source.
ImportChoice chooseParts(const fs::path& input, ImportPlan& plan, Inventory& inventory,
                         const ImportOptions& options) {
    const Groups groups = groupBySample(plan, inventory, options);
    requireSameNames(input, groups);
    std::vector<std::string> rests;
    for (const auto& [rest, index] : groups.front().second) rests.push_back(rest);
    const ImportChoice choice = chooseArrays(rests);
    for (const auto& [sample, arrays] : groups) {
        ImportPart part;
        part.sample = sample;
        const auto indexOf = [&, &members = arrays](std::size_t k) { return members.at(rests[k]); };
        for (const auto k : choice.arrays) part.arrays.push_back(indexOf(k));
        for (const auto& pair : choice.repeated)
            part.repeated.push_back({indexOf(pair.left), indexOf(pair.kept)});
        for (const auto k : choice.others) inventory.leftOut.push_back(indexOf(k));
        plan.parts.push_back(std::move(part));
    }
    return choice;
}

void describeParts(const fs::path& input, ImportPlan& plan) {
    plan.info.bfloat16 = true;
    for (auto& part : plan.parts) {
        part.array = plan.described[part.arrays.front()];
        for (const auto index : part.arrays) {
            const ImportArray& array = plan.described[index];
            checkedBytes(array.shape, elementBytes(*array.type),
                         fmt::format("{}, '{}'", input.string(), plan.names[index]));
            if (array.shape != part.array.shape)
                throw Error(
                    ErrorCode::Mismatch,
                    fmt::format("{}: '{}' is {} and '{}' is {}, and arrays of one shape were expected, one "
                                "a point; choose among them with --tensors or --dataset, or, where each is "
                                "a sample, name them sample_0, sample_1 and so on",
                                input.string(), plan.names[part.arrays.front()], shapeName(part.array.shape),
                                plan.names[index], shapeName(array.shape)),
                    input.string());
            plan.info.bfloat16 &= array.type == ElementType::BFloat16;
        }
    }
}

// ------------------------------------------------------------------------------------------------- layout

/// The one axis along which samples with arrays of their own differ; absent if there is none or more than
/// one.
std::optional<std::size_t> raggedAxis(const ImportPlan& plan) {
    std::set<std::size_t> axes;
    const auto& first = plan.parts.front().array.shape;
    for (const auto& part : plan.parts) {
        if (part.array.shape.size() != first.size()) return std::nullopt;
        for (std::size_t axis = 0; axis < first.size(); ++axis)
            if (part.array.shape[axis] != first[axis]) axes.insert(axis);
    }
    return axes.size() == 1 ? std::optional(*axes.begin()) : std::nullopt;
}

/// The layout that names and shapes tell; empty where they leave it open.
const char* knownLayout(const ImportPlan& plan, ImportConvention convention) {
    const std::size_t rank = plan.parts.front().array.shape.size();
    const bool several = plan.parts.front().arrays.size() > 1;
    const bool oneAPoint = convention == ImportConvention::TransformerLens ||
                           (convention == ImportConvention::HiddenStates && several);
    if (oneAPoint) return rank == 3 ? "batch,row,unit" : rank == 2 ? "row,unit" : "";
    if (convention == ImportConvention::HiddenStates)
        return rank == 3 ? "point,row,unit" : rank == 4 ? "point,batch,row,unit" : "";
    // Where samples differ along one axis, that axis is the tokens.
    const auto ragged = raggedAxis(plan);
    if (ragged == 0 && rank == 2) return "row,unit";
    if (ragged == 1 && rank == 3) return several ? "batch,row,unit" : "point,row,unit";
    return "";
}

std::vector<ImportAxis> chooseLayout(const fs::path& input, const ImportPlan& plan,
                                     ImportConvention convention, const std::string& asked) {
    const ImportPart& part = plan.parts.front();
    const std::string& name = plan.names[part.arrays.front()];
    const std::size_t rank = part.array.shape.size();
    const bool several = part.arrays.size() > 1;
    const auto refuse = [&](const std::string& why) -> Error {
        return {ErrorCode::InvalidArgument, fmt::format("{}: '{}' {}", input.string(), name, why),
                input.string()};
    };
    if (!asked.empty()) {
        std::vector<ImportAxis> layout = parseLayout(asked);
        if (layout.size() != rank)
            throw refuse(fmt::format("has the shape {}, {} axes, and --layout {} names {}",
                                     shapeName(part.array.shape), rank, asked, layout.size()));
        if (several && hasAxis(layout, ImportAxis::Point))
            throw refuse(
                fmt::format("is one of {} arrays, each a point of its own, and --layout {} has "
                            "points within an array; choose one with --tensors or --dataset, or "
                            "leave point out",
                            part.arrays.size(), asked));
        return layout;
    }
    if (const std::string known = knownLayout(plan, convention); !known.empty()) return parseLayout(known);
    const char* example = several ? (rank == 3 ? "batch,row,unit" : "row,unit")
                                  : (rank == 4 ? "batch,row,point,unit" : "row,point,unit");
    throw refuse(
        fmt::format("has the shape {}, which does not say which axis is which; give --layout, for "
                    "instance --layout {} (axes are row, point, unit, and batch where samples have "
                    "an axis of their own)",
                    shapeName(part.array.shape), example));
}

/// Throws where extents are none, or more than can be handled.
void checkExtents(const fs::path& input, const ImportPlan& plan, const ImportPart& part,
                  const ImportExtents& extents) {
    const auto refuse = [&](ErrorCode code, const std::string& why) -> Error {
        return {code,
                fmt::format("{}: '{}' read as {}, its shape {} {}", input.string(),
                            plan.names[part.arrays.front()], layoutName(plan.layout),
                            shapeName(part.array.shape), why),
                input.string()};
    };
    if (extents.batches < 1 || extents.tokens < 1 || extents.points < 1 || extents.units < 1)
        throw refuse(ErrorCode::Format, "is empty");
    // Each is checked before it is multiplied, so that nothing overflows.
    if (extents.batches > mostRows || extents.tokens > mostRows ||
        extents.batches * extents.tokens > mostRows)
        throw refuse(ErrorCode::Unsupported,
                     fmt::format("has more than {} rows; import it in parts", mostRows));
    if (extents.points > mostPoints || extents.units > mostUnits ||
        extents.points * extents.units > mostRowValues)
        throw refuse(ErrorCode::Unsupported, fmt::format("has {} points of {} units, which no model has",
                                                         extents.points, extents.units));
}

/// Extents, within what can be handled.
ImportExtents extentsOf(const fs::path& input, const ImportPlan& plan, const ImportPart& part) {
    ImportExtents extents;
    extents.points = static_cast<std::int64_t>(part.arrays.size());
    for (std::size_t axis = 0; axis < plan.layout.size(); ++axis) {
        const std::int64_t extent = part.array.shape[axis];
        switch (plan.layout[axis]) {
            case ImportAxis::Batch: extents.batches = extent; break;
            case ImportAxis::Row: extents.tokens = extent; break;
            case ImportAxis::Point: extents.points = extent; break;
            case ImportAxis::Unit: extents.units = extent; break;
        }
    }
    checkExtents(input, plan, part, extents);
    return extents;
}

void measureParts(const fs::path& input, ImportPlan& plan) {
    std::int64_t rows = 0;
    for (auto& part : plan.parts) {
        const ImportPart& first = plan.parts.front();
        const auto mismatch = [&](const std::string& what) -> Error {
            return {ErrorCode::Mismatch,
                    fmt::format(
                        "{}: '{}' is {} and '{}' is {}: read as {}, {}; give the order of axes with --layout",
                        input.string(), plan.names[first.arrays.front()], shapeName(first.array.shape),
                        plan.names[part.arrays.front()], shapeName(part.array.shape), layoutName(plan.layout),
                        what),
                    input.string()};
        };
        if (part.array.shape.size() != plan.layout.size()) throw mismatch("they have other axes");
        part.extents = extentsOf(input, plan, part);
        if (part.extents.points != first.extents.points || part.extents.units != first.extents.units)
            throw mismatch("they have other points or units, and only the number of tokens may differ");
        rows += part.extents.batches * part.extents.tokens;
        if (rows > mostRows)
            throw Error(ErrorCode::Unsupported,
                        fmt::format("{} has more than {} rows; import it in parts", input.string(), mostRows),
                        input.string());
    }
    plan.info.units = plan.parts.front().extents.units;
}

// ------------------------------------------------------------------------------------------------- points

/// Names `named` points; what follows them is the caller's.
std::vector<ResidualPoint> namePoints(std::int64_t named, const ImportChoice& choice,
                                      const ImportOptions& options) {
    if (options.sites.ends_with(".json"))
        return pointsFromJson(readFile(options.sites, std::uintmax_t{1} << 24), options.sites, named);
    if (!options.sites.empty()) return pointsFromSites(options.sites, named);
    if (!choice.points.empty())
        return {choice.points.begin(), choice.points.begin() + static_cast<std::ptrdiff_t>(named)};
    const Site site = choice.convention == ImportConvention::HiddenStates ? Site::BlockIn : Site::Unnamed;
    std::vector<ResidualPoint> points;
    for (std::int64_t p = 0; p < named; ++p) points.push_back({static_cast<int>(p), site});
    if (site == Site::BlockIn && options.lastIsNormed == LastIsNormed::No) points.back() = {-1, Site::Final};
    return points;
}

void planPoints(const fs::path& input, const ImportChoice& choice, const ImportOptions& options,
                ImportPlan& plan) {
    const std::int64_t stored = plan.parts.front().extents.points;
    const bool stack = choice.convention == ImportConvention::HiddenStates;
    const LastIsNormed last = options.lastIsNormed.value_or(stack ? LastIsNormed::Drop : LastIsNormed::No);
    if (last != LastIsNormed::No && stored < 2)
        throw Error(
            ErrorCode::InvalidArgument,
            fmt::format("{} has {} point, and its last is after the final norm: none is left (if it is "
                        "not, say --last-is-normed no)",
                        input.string(), stored),
            input.string());
    plan.info.points = namePoints(last == LastIsNormed::No ? stored : stored - 1, choice, options);
    if (last == LastIsNormed::Mark) plan.info.points.push_back({static_cast<int>(stored - 1), Site::Unnamed});
    plan.lastIsMarked = last == LastIsNormed::Mark;
    if (last == LastIsNormed::No) return;
    plan.warnings.push_back(fmt::format(
        "the last of the {} states of each row is after the final norm{}, not on the path of the others; {}",
        stored, stack ? ", as models return output_hidden_states" : "",
        last == LastIsNormed::Drop
            ? "it is left out (--last-is-normed mark keeps it)"
            : fmt::format("it is kept as the point without a name, {}", pointName(plan.info.points.back()))));
}

/// Warns of points that are not there between the first and the last.
void checkDepth(const ImportChoice& choice, ImportPlan& plan) {
    std::vector<std::string> missing;
    for (const auto& point : missingPoints(plan.info.points)) missing.push_back(pointName(point));
    const ImportPart& part = plan.parts.front();
    if (choice.convention != ImportConvention::TransformerLens) {
        missing.clear();
        std::vector<std::string> names;
        for (const auto index : part.arrays) names.push_back(plan.names[index]);
        for (const auto number : missingNumbers(names)) missing.push_back(fmt::format("number {}", number));
    }
    if (missing.empty()) return;
    const std::size_t whole = missing.size() + part.arrays.size();
    plan.warnings.push_back(fmt::format(
        "missing: {} of {} points between the first and the last are not in the file: {}; steps across "
        "the gap span more than one block, so that motion, rotation and nulls of depth mislead; save "
        "every block, or analyse a range without the gap (--points)",
        missing.size(), whole, someNames(missing)));
}

// ------------------------------------------------------------------------------------- samples, masks and
// ids

SideArray readSide(ImportSource& source, const fs::path& file, std::size_t index, const std::string& label,
                   const fs::path& folder) {
    SideArray side;
    const std::string name = source.names()[index];
    side.name = label.empty() ? fmt::format("'{}'", name) : label;
    if (const auto sample = parseSampleName(name)) side.sample = sample->sample;
    side.shape = source.describe(index).shape;
    side.values = readNumbers(source, index, folder, file.string());
    return side;
}

/// `--mask`: FILE, FILE:NAME or the name of an array of the input.
std::pair<SideArray, SideRole> readAskedMask(const fs::path& input, ImportPlan& plan,
                                             const std::string& asked, const fs::path& folder) {
    const auto inInput = std::find_if(plan.names.begin(), plan.names.end(),
                                      [&](const auto& name) { return name == asked || name == "/" + asked; });
    std::error_code ignored;
    std::string file = asked, name;
    if (!fs::exists(asked, ignored)) {
        if (inInput != plan.names.end()) {
            const auto index = static_cast<std::size_t>(inInput - plan.names.begin());
            return {readSide(*plan.source, input, index, "", folder), sideRole(*inInput)};
        }
        const auto colon = asked.rfind(':');
        if (colon != std::string::npos) {
            file = asked.substr(0, colon);
            name = asked.substr(colon + 1);
        }
    }
    if (!fs::exists(file, ignored))
        throw Error(ErrorCode::NotFound,
                    fmt::format("--mask {}: there is no such file, and {} holds no such array; it holds {}",
                                asked, input.string(), someNames(plan.names)),
                    asked);
    const auto source = openImportSource(file);
    const auto names = source->names();
    std::vector<std::size_t> fitting;
    for (std::size_t i = 0; i < names.size(); ++i)
        if (name.empty() ? names.size() == 1 || sideRole(names[i]) == SideRole::Mask ||
                               sideRole(names[i]) == SideRole::Lengths
                         : names[i] == name || names[i] == "/" + name)
            fitting.push_back(i);
    if (fitting.size() != 1)
        throw Error(ErrorCode::NotFound,
                    fmt::format("--mask {}: {} arrays of it could be meant; name one of {} as {}:NAME", asked,
                                fitting.size(), someNames(names), file),
                    asked);
    return {readSide(*source, file, fitting[0], fmt::format("'{}' of {}", names[fitting[0]], file), folder),
            sideRole(names[fitting[0]])};
}

std::vector<SampleTokens> wholeSamples(const ImportPlan& plan) {
    std::vector<SampleTokens> samples;
    for (std::size_t p = 0; p < plan.parts.size(); ++p)
        for (std::int64_t b = 0; b < plan.parts[p].extents.batches; ++b)
            samples.push_back({p, b, 0, plan.parts[p].extents.tokens});
    return samples;
}

std::int64_t tokensOf(const std::vector<SampleTokens>& samples) {
    return std::accumulate(samples.begin(), samples.end(), std::int64_t{0},
                           [](std::int64_t sum, const SampleTokens& sample) { return sum + sample.count; });
}

/// Where the name does not tell, one axis of numbers above 1 are lengths, and all else is a mask.
bool isLengths(const SideArray& side, SideRole role) {
    if (role != SideRole::None) return role == SideRole::Lengths;
    return side.shape.size() < 2 &&
           std::any_of(side.values.begin(), side.values.end(), [](double value) { return value > 1; });
}

struct Sides {
    std::vector<SideArray> masks, lengths;
    const std::string& name() const { return (masks.empty() ? lengths : masks)[0].name; }
};

Sides readSides(const fs::path& input, const Inventory& inventory, const ImportOptions& options,
                const fs::path& folder, ImportPlan& plan) {
    Sides sides;
    if (options.mask == "none") return sides;
    if (!options.mask.empty()) {
        auto [side, role] = readAskedMask(input, plan, options.mask, folder);
        (isLengths(side, role) ? sides.lengths : sides.masks).push_back(std::move(side));
        return sides;
    }
    for (const auto index : inventory.sides) {
        const SideRole role = sideRole(plan.names[index]);
        if (role == SideRole::TokenIds) continue;
        (role == SideRole::Mask ? sides.masks : sides.lengths)
            .push_back(readSide(*plan.source, input, index, "", folder));
    }
    return sides;
}

void requireOneForAll(const fs::path& input, const std::vector<SideArray>& sides) {
    const auto shared =
        std::count_if(sides.begin(), sides.end(), [](const auto& side) { return side.sample.empty(); });
    if (shared > 1)
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("{} holds {} masks or lengths, such as {} and {}; choose one with --mask",
                                input.string(), shared, sides[0].name, sides[1].name),
                    input.string());
}

void noteKept(const Sides& sides, const std::vector<SampleTokens>& samples, std::int64_t stored,
              std::int64_t kept, ImportPlan& plan) {
    const auto left =
        std::count_if(samples.begin(), samples.end(), [](const auto& s) { return s.first > 0; });
    plan.notes.push_back(fmt::format(
        "{}: {} of {} tokens stay{}", sides.name(), kept, stored,
        kept == stored
            ? ""
            : fmt::format(", and {} padded ones are left out ({} of {} samples are padded on the left)",
                          stored - kept, left, samples.size())));
    const auto empty =
        std::count_if(samples.begin(), samples.end(), [](const auto& s) { return s.count == 0; });
    if (empty > 0)
        plan.warnings.push_back(fmt::format("{} of {} samples have no token", empty, samples.size()));
}

/// Applies masks first, so that lengths are compared with them. Returns false if there are none.
bool applySides(const fs::path& input, const Inventory& inventory, const ImportOptions& options,
                const fs::path& folder, ImportPlan& plan, std::vector<SampleTokens>& samples) {
    const Sides sides = readSides(input, inventory, options, folder, plan);
    if (sides.masks.empty() && sides.lengths.empty()) return false;
    requireOneForAll(input, sides.masks);
    requireOneForAll(input, sides.lengths);
    const std::int64_t stored = tokensOf(samples);
    for (const auto& mask : sides.masks) applyMask(mask, input.string(), plan, samples);
    for (const auto& list : sides.lengths) applyLengths(list, input.string(), plan, samples);
    const std::int64_t kept = tokensOf(samples);
    if (kept == 0)
        throw Error(
            ErrorCode::Format,
            fmt::format("{}: {} leaves no token at all; correct it, or leave it aside with --mask none",
                        input.string(), sides.name()),
            input.string());
    noteKept(sides, samples, stored, kept, plan);
    return true;
}

/// Joins whole batch entries that follow each other into one run.
void planRuns(const std::vector<SampleTokens>& samples, ImportPlan& plan) {
    std::int64_t row = 0;
    for (const auto& sample : samples) {
        if (sample.count == 0) continue;
        const std::int64_t whole = plan.parts[sample.part].extents.tokens;
        if (!plan.runs.empty()) {
            TokenRun& last = plan.runs.back();
            if (sample.count == whole && last.tokens == whole && last.part == sample.part &&
                last.batch + last.batches == sample.batch) {
                ++last.batches;
                row += whole;
                continue;
            }
        }
        plan.runs.push_back({sample.part, sample.batch, 1, sample.first, sample.count, row});
        row += sample.count;
    }
}

/// `ownSamples`: each row is a sample, not a token of one.
void planRows(const std::vector<SampleTokens>& samples, bool ownSamples, ImportPlan& plan) {
    for (std::size_t s = 0; s < samples.size(); ++s)
        for (std::int64_t t = 0; t < samples[s].count; ++t)
            plan.info.rows.push_back(
                {static_cast<std::int32_t>(ownSamples ? t : static_cast<std::int64_t>(s)),
                 static_cast<std::int32_t>(ownSamples ? 0 : t), -1});
    plan.info.samples.resize(ownSamples ? plan.info.rows.size() : samples.size());
    if (ownSamples && samples[0].count > 1) {
        plan.notes.push_back(fmt::format(
            "each of the {} rows is taken as a sample of its own; where rows are tokens of one text, "
            "save the array with an axis for the text and name it batch in --layout",
            samples[0].count));
        return;
    }
    const auto [least, most] = std::minmax_element(
        samples.begin(), samples.end(), [](const auto& a, const auto& b) { return a.count < b.count; });
    const std::string lengths = least->count == most->count
                                    ? counted(most->count, "token")
                                    : fmt::format("{} to {} tokens", least->count, most->count);
    plan.notes.push_back(
        fmt::format("{} of {}", counted(static_cast<std::int64_t>(samples.size()), "sample"), lengths));
}

std::vector<std::int64_t> withoutOnes(std::vector<std::int64_t> shape) {
    std::erase(shape, 1);
    return shape;
}

/// Takes input_ids or token_ids of one part, where they fit.
void takeIds(const SideArray& ids, std::size_t part, const std::vector<SampleTokens>& samples,
             bool ownSamples, ImportPlan& plan) {
    const ImportExtents& extents = plan.parts[part].extents;
    const auto refuse = [&](const std::string& why) {
        plan.warnings.push_back(fmt::format("{} {}, and is not taken as token ids", ids.name, why));
    };
    if (withoutOnes(ids.shape) != withoutOnes({extents.batches, extents.tokens}))
        return refuse(fmt::format("has the shape {} where [{}, {}] was expected", shapeName(ids.shape),
                                  extents.batches, extents.tokens));
    std::vector<std::pair<std::size_t, std::vector<std::int32_t>>> taken;
    for (std::size_t s = 0; s < samples.size(); ++s) {
        if (samples[s].part != part) continue;
        std::vector<std::int32_t> tokens;
        for (std::int64_t t = 0; t < samples[s].count; ++t) {
            const double id = ids.values[static_cast<std::size_t>(samples[s].batch * extents.tokens +
                                                                  samples[s].first + t)];
            if (!(id >= 0 && id <= INT32_MAX) || id != static_cast<std::int32_t>(id))
                return refuse(fmt::format("holds {} for token {} of sample {}", id, t, s));
            tokens.push_back(static_cast<std::int32_t>(id));
        }
        taken.emplace_back(s, std::move(tokens));
    }
    std::vector<std::size_t> firstRow(samples.size() + 1, 0);
    for (std::size_t s = 0; s < samples.size(); ++s)
        firstRow[s + 1] = firstRow[s] + static_cast<std::size_t>(samples[s].count);
    for (auto& [s, tokens] : taken) {
        for (std::size_t t = 0; t < tokens.size(); ++t) plan.info.rows[firstRow[s] + t].tokenId = tokens[t];
        if (!ownSamples) plan.info.samples[s].tokenIds = std::move(tokens);
    }
    plan.notes.push_back(fmt::format("{} are the token ids", ids.name));
}

void planIds(const fs::path& input, const Inventory& inventory, const std::vector<SampleTokens>& samples,
             bool ownSamples, const fs::path& folder, ImportPlan& plan) {
    std::set<std::size_t> done;
    for (const auto index : inventory.sides) {
        if (sideRole(plan.names[index]) != SideRole::TokenIds) continue;
        const SideArray ids = readSide(*plan.source, input, index, "", folder);
        for (std::size_t p = 0; p < plan.parts.size(); ++p) {
            const bool meant = ids.sample == plan.parts[p].sample || plan.parts.size() == 1;
            if (meant && done.insert(p).second) takeIds(ids, p, samples, ownSamples, plan);
        }
    }
}

void planSamples(const fs::path& input, const ImportChoice& choice, const Inventory& inventory,
                 const ImportOptions& options, const fs::path& folder, ImportPlan& plan) {
    std::vector<SampleTokens> samples = wholeSamples(plan);
    const bool masked = applySides(input, inventory, options, folder, plan, samples);
    const bool tokensOfSamples = masked || hasAxis(plan.layout, ImportAxis::Batch) ||
                                 choice.convention != ImportConvention::None || !plan.parts[0].sample.empty();
    planRuns(samples, plan);
    planRows(samples, !tokensOfSamples, plan);
    planIds(input, inventory, samples, !tokensOfSamples, folder, plan);
}

// ------------------------------------------------------------------------------------------------- what is
// said

void noteArrays(const ImportPlan& plan, std::vector<std::string>& notes) {
    const ImportPart &first = plan.parts.front(), &last = plan.parts.back();
    const std::string from = plan.names[first.arrays.front()], to = plan.names[last.arrays.back()];
    const std::string layout = layoutName(plan.layout);
    const std::size_t arrays = first.arrays.size();
    if (plan.parts.size() == 1)
        notes.push_back(arrays > 1 ? fmt::format("{} arrays, one a point, from '{}' to '{}', read as {}",
                                                 arrays, from, to, layout)
                                   : fmt::format("'{}', read as {}", from, layout));
    else
        notes.push_back(fmt::format(
            "{} samples with arrays of their own{}, from '{}' to '{}', read as {}", plan.parts.size(),
            arrays > 1 ? fmt::format(" ({} each, one a point)", arrays) : "", from, to, layout));
    const bool untyped = plan.described[first.arrays.front()].untyped;
    if (untyped)
        notes.push_back(
            fmt::format("'{}' has elements of two bytes of no stated type, read as {} (--dtype-of bfloat16 "
                        "or float16 says which)",
                        from, elementName(*first.array.type)));
}

void noteLeftOut(const ImportPlan& plan, const Inventory& inventory, std::vector<std::string>& notes) {
    const std::size_t repeated = plan.parts.front().repeated.size();
    if (repeated > 0)
        notes.push_back(
            fmt::format("{} arrays hook_resid_post are left out: each is the next block's "
                        "hook_resid_pre",
                        repeated));
    std::vector<std::string> others;
    for (const auto i : inventory.leftOut) others.push_back(describeArray(plan.names[i], plan.described[i]));
    if (!others.empty())
        notes.push_back(fmt::format("{} other array{} left out: {}", others.size(),
                                    others.size() == 1 ? " is no states and is" : "s are no states and are",
                                    someNames(others)));
    if (const std::string remark = plan.source->remark(); !remark.empty()) notes.push_back(remark);
}

}  // namespace

bool ImportPlan::oneForAll() const {
    return hasAxis(layout, ImportAxis::Point);
}

std::string someNames(const std::vector<std::string>& names) {
    constexpr std::size_t most = 8;
    std::vector<std::string> shown(names.begin(),
                                   names.begin() + std::ptrdiff_t(std::min(most, names.size())));
    return fmt::format("{}{}", fmt::join(shown, ", "),
                       names.size() > most ? fmt::format(" and {} more", names.size() - most) : "");
}

ImportPlan planImport(const fs::path& input, const ImportOptions& options, const fs::path& folder) {
    if (!options.dtypeOf.empty() && options.dtypeOf != "bfloat16" && options.dtypeOf != "float16")
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("--dtype-of {} is neither bfloat16 nor float16", options.dtypeOf));
    ImportPlan plan;
    plan.source = openImportSource(input);
    plan.names = plan.source->names();
    plan.described.resize(plan.names.size());
    Inventory inventory = takeInventory(input, plan, options);
    const ImportChoice choice = chooseParts(input, plan, inventory, options);
    describeParts(input, plan);
    plan.layout = chooseLayout(input, plan, choice.convention, options.layout);
    measureParts(input, plan);
    noteArrays(plan, plan.notes);
    noteLeftOut(plan, inventory, plan.notes);
    planPoints(input, choice, options, plan);
    checkDepth(choice, plan);
    planSamples(input, choice, inventory, options, folder, plan);
    if (choice.convention == ImportConvention::TransformerLens && !options.transformerLensUnprocessed)
        plan.warnings.push_back(
            "TransformerLens folds the norms into the weights and centres what is written to the residual "
            "stream, unless told not to: these are then not the states of the model itself. If it was loaded "
            "with from_pretrained_no_processing, say --tl-unprocessed");
    // Points that are left out are the last: their arrays need not be read.
    if (!plan.oneForAll())
        for (auto& part : plan.parts) part.arrays.resize(plan.info.points.size());
    return plan;
}

}  // namespace rheo
