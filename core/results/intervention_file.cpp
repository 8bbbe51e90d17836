#include "core/results/intervention_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/checkpoint/json.h"
#include "core/model/state_edit.h"
#include "core/results/identity_json.h"
#include "core/results/vector_file.h"

namespace rheo {

namespace {

using nlohmann::json;
using Json = nlohmann::ordered_json;

/// Reads one edit; `where` names it in messages: "edits.json, edit 2".
class EditReader {
public:
    EditReader(const json& edit, std::string where, std::string file)
        : m_edit(edit), m_where(std::move(where)), m_file(std::move(file)) {}

    [[noreturn]] void refuse(ErrorCode code, const std::string& why) const {
        throw Error(code, fmt::format("{}: {}", m_where, why), m_file);
    }
    void requireKnownKeys() const {
        static constexpr std::array known{"point",    "tokens", "op",   "vector",
                                          "strength", "unit",   "name", "on"};
        if (!m_edit.is_object()) refuse(ErrorCode::Format, "an edit should be an object");
        for (const auto& [key, value] : m_edit.items())
            if (std::find(known.begin(), known.end(), key) == known.end())
                refuse(ErrorCode::Unsupported,
                       fmt::format("there is no key '{}'; there are {}", key, fmt::join(known, ", ")));
    }
    template <class T>
    T value(const char* key, T otherwise, const char* kind) const {
        const auto found = m_edit.find(key);
        if (found == m_edit.end()) return otherwise;
        bool fits = found->is_number();
        if constexpr (std::is_same_v<T, std::string>) fits = found->is_string();
        if constexpr (std::is_same_v<T, bool>) fits = found->is_boolean();
        if (!fits)
            refuse(ErrorCode::Format, fmt::format("{} should be {}, and is {}", key, kind, shown(*found)));
        return found->get<T>();
    }
    std::string required(const char* key) const {
        if (!m_edit.contains(key)) refuse(ErrorCode::Format, fmt::format("it has no {}", key));
        return value<std::string>(key, "", "a text");
    }
    ResidualPoint point(const std::vector<ResidualPoint>& points) const {
        const std::string name = required("point");
        const auto parsed = parsePointName(name);
        if (!parsed || std::find(points.begin(), points.end(), *parsed) == points.end())
            refuse(ErrorCode::NotFound,
                   fmt::format("there is no residual point '{}'; the model has {} to {}", name,
                               pointName(points.front()), pointName(points.back())));
        return *parsed;
    }
    EditTokens tokens() const {
        const auto found = m_edit.find("tokens");
        if (found == m_edit.end()) return {};
        EditTokens tokens;
        if (found->is_string()) {
            const std::string text = found->get<std::string>();
            try {
                return parseEditTokens(text);
            } catch (const Error& error) {
                refuse(ErrorCode::Format, error.what());
            }
        }
        tokens.kind = EditTokens::Kind::List;
        for (const json& one : found->is_array() ? *found : json::array({nullptr})) {
            if (!one.is_number_unsigned() || one.get<std::uint64_t>() > 0x7fffffff)
                refuse(ErrorCode::Format,
                       fmt::format("tokens should be last, all, generated, 3:, 3:7 or a list of positions, "
                                   "and is {}",
                                   shown(*found)));
            tokens.positions.push_back(one.get<std::int32_t>());
        }
        if (tokens.positions.empty()) refuse(ErrorCode::Format, "its list of tokens is empty");
        return tokens;
    }
    const EditOperation& operation() const {
        const std::string name = required("op");
        const EditOperation* found = findOperation(name);
        if (found == nullptr)
            refuse(ErrorCode::Unsupported,
                   fmt::format("there is no operation '{}'; there are {}", name, operationNames()));
        return *found;
    }
    VectorF vector(const EditOperation& operation, const std::filesystem::path& folder,
                   const ModelIdentity& model) const {
        const auto found = m_edit.find("vector");
        if (found == m_edit.end()) {
            if (operation.vector == VectorUse::Required)
                refuse(ErrorCode::Format, fmt::format("'{}' needs a vector", operation.name));
            return {};
        }
        NamedVector read;
        std::string reference = "its vector";
        try {
            if (found->is_string()) {
                reference = found->get<std::string>();
                read = readVector(reference, folder);
            } else {
                read.values = inlineVector(*found);
            }
            requireVectorOf(read, model, reference);
        } catch (const Error& error) {
            refuse(error.code(), error.what());
        }
        if (!read.values.allFinite())
            refuse(ErrorCode::Format, fmt::format("{} holds a value that is not finite", reference));
        if (operation.needsLength && read.values.isZero(0))
            refuse(ErrorCode::Format, fmt::format("{} is zero, and has no direction", reference));
        return read.values;
    }
    StrengthUnit unit(const EditOperation& operation) const {
        const auto name = value<std::string>("unit", "absolute", "a text");
        if (name != "absolute" && name != "rms")
            refuse(ErrorCode::Unsupported,
                   fmt::format("there is no unit '{}'; there are absolute and rms", name));
        if (name == "rms" && !operation.acceptsRms)
            refuse(ErrorCode::Unsupported,
                   fmt::format("'{}' has no strength in units of the RMS norm", operation.name));
        return name == "rms" ? StrengthUnit::Rms : StrengthUnit::Absolute;
    }

private:
    static std::string shown(const json& value) {
        const std::string text = value.dump();
        return text.size() > 40 ? text.substr(0, 40) + "..." : text;
    }
    VectorF inlineVector(const json& list) const {
        const bool numbers = list.is_array() && std::all_of(list.begin(), list.end(),
                                                            [](const json& x) { return x.is_number(); });
        if (!numbers)
            refuse(ErrorCode::Format,
                   fmt::format("vector should be a list of numbers, F.npy or F.safetensors#NAME, and is {}",
                               shown(list)));
        VectorF values(static_cast<Eigen::Index>(list.size()));
        for (std::size_t i = 0; i < list.size(); ++i)
            values[static_cast<Eigen::Index>(i)] = list[i].get<float>();
        return values;
    }

    const json& m_edit;
    std::string m_where, m_file;
};

void checkTopLevel(const json& document, const std::string& file, const ModelIdentity& model) {
    for (const auto& [key, value] : document.items())
        if (key != "edits" && key != "name" && key != "model")
            throw Error(ErrorCode::Unsupported,
                        fmt::format("{}: there is no key '{}'; there are edits, name and model", file, key),
                        file);
    if (!document.contains("edits") || !document["edits"].is_array())
        throw Error(ErrorCode::Format, fmt::format("{}: it has no list 'edits'", file), file);
    if (document.contains("name") && !document["name"].is_string())
        throw Error(ErrorCode::Format, fmt::format("{}: name should be a text", file), file);
    if (!document.contains("model")) return;
    if (!document["model"].is_object())
        throw Error(ErrorCode::Format, fmt::format("{}: model should be an object", file), file);
    const ModelIdentity made = identityFromJson(document["model"], file);
    if (!made.sameModel(model))
        throw Error(ErrorCode::Mismatch,
                    fmt::format("{} is of another model ({}), and this one is {}", file, identityText(made),
                                identityText(model)),
                    file);
}

}  // namespace

std::string interventionToJson(const Intervention& intervention, const ModelIdentity& model) {
    Json document;
    if (!intervention.name.empty()) document["name"] = intervention.name;
    if (!model.weightsSha256.empty()) document["model"] = Json::parse(identityToJson(model));
    document["edits"] = Json::array();
    for (const Edit& edit : intervention.edits) {
        Json json;
        if (!edit.name.empty()) json["name"] = edit.name;
        if (!edit.on) json["on"] = false;
        json["point"] = pointName(edit.point);
        if (edit.tokens.kind == EditTokens::Kind::List)
            json["tokens"] = edit.tokens.positions;
        else
            json["tokens"] = editTokensText(edit.tokens);
        json["op"] = edit.operation;
        if (edit.vector.size() > 0)
            json["vector"] = std::vector<float>(edit.vector.begin(), edit.vector.end());
        json["strength"] = edit.strength;
        json["unit"] = strengthUnitName(edit.unit);
        document["edits"].push_back(std::move(json));
    }
    return document.dump();
}

Intervention interventionFromJson(std::string_view text, const std::string& file,
                                  const std::filesystem::path& folder, const ModelIdentity& model,
                                  const std::vector<ResidualPoint>& points) {
    const json document = parseJsonObject(text, file);
    checkTopLevel(document, file, model);
    Intervention intervention;
    intervention.name = document.value("name", "");
    for (std::size_t i = 0; i < document["edits"].size(); ++i) {
        const EditReader reader(document["edits"][i], fmt::format("{}, edit {}", file, i + 1), file);
        reader.requireKnownKeys();
        const EditOperation& operation = reader.operation();
        Edit edit;
        edit.name = reader.value<std::string>("name", "", "a text");
        edit.on = reader.value<bool>("on", true, "true or false");
        edit.point = reader.point(points);
        edit.tokens = reader.tokens();
        edit.operation = operation.name;
        edit.vector = reader.vector(operation, folder, model);
        edit.strength = reader.value<double>("strength", 1, "a number");
        edit.unit = reader.unit(operation);
        intervention.edits.push_back(std::move(edit));
    }
    return intervention;
}

Intervention readIntervention(const std::filesystem::path& path, const ModelIdentity& model,
                              const std::vector<ResidualPoint>& points) {
    return interventionFromJson(readFile(path, std::uintmax_t{1} << 28), path.string(), path.parent_path(),
                                model, points);
}

void writeIntervention(const std::filesystem::path& path, const Intervention& intervention,
                       const ModelIdentity& model, IfExists ifExists) {
    writeFile(path, interventionToJson(intervention, model) + "\n", ifExists);
}

}  // namespace rheo
