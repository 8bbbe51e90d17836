#include "core/tokenizer/post_processor.h"

#include <fmt/format.h>

namespace rheo {

namespace {

constexpr std::string_view kKnown =
    "TemplateProcessing, RobertaProcessing, BertProcessing, ByteLevel, Sequence";
constexpr std::size_t kMaxIds = 1024;  // around one text

std::vector<std::int32_t> declaredIds(const nlohmann::json& declared, const std::string& name,
                                      const Place& place) {
    const auto found = declared.find(name);
    if (found == declared.end())
        throw place.format(
            fmt::format("the template uses {}, which special_tokens does not declare", inQuotes(name)));
    Component token(*found, place.at("special_tokens").at(inQuotes(name)));
    std::vector<std::int32_t> ids;
    for (const auto& id : token.list("ids")) ids.push_back(tokenIdOf(id, token.place().at("ids")));
    token.ignore("id");
    token.ignore("tokens");
    token.done();
    return ids;
}

PostProcessor readTemplate(Component& component) {
    const Place place = component.place();
    component.ignore("pair");  // one text at a time is encoded here
    static const nlohmann::json kNone = nlohmann::json::object();
    const auto& declared = component.has("special_tokens") ? component.value("special_tokens") : kNone;
    if (!declared.is_object()) throw place.at("special_tokens").format("expected an object");

    PostProcessor made;
    bool text = false;
    const auto& parts = component.list("single");
    for (std::size_t i = 0; i < parts.size(); ++i) {
        Component part(parts[i], place.at("single").at(i));
        if (part.has("Sequence")) {
            Component sequence(part.value("Sequence"), part.place().at("Sequence"));
            sequence.ignore("type_id");
            if (sequence.text("id") != "A" || text)
                throw part.place().unsupported(
                    "a template with anything but one text \"A\" is not supported");
            text = true;
            sequence.done();
        } else {
            if (!part.has("SpecialToken"))
                throw part.place().format("expected \"Sequence\" or \"SpecialToken\"");
            Component special(part.value("SpecialToken"), part.place().at("SpecialToken"));
            special.ignore("type_id");
            auto& side = text ? made.after : made.before;
            for (const std::int32_t id : declaredIds(declared, special.text("id"), place)) side.push_back(id);
            if (side.size() > kMaxIds)
                throw place.format(fmt::format("more than {} special tokens", kMaxIds));
            special.done();
        }
        part.done();
    }
    if (!text) throw place.at("single").unsupported("a template without the text \"A\" is not supported");
    return made;
}

/// From a pair of a token and its id, such as ["</s>", 2].
std::int32_t pairedId(Component& component, const std::string& key) {
    const auto& pair = component.list(key);
    if (pair.size() != 2) throw component.place().at(key).format("expected a token and its id");
    return tokenIdOf(pair[1], component.place().at(key).at(std::size_t{1}));
}

}  // namespace

PostProcessor makePostProcessor(const nlohmann::json& value, const Place& place, ComponentBudget& budget) {
    PostProcessor made;
    if (value.is_null()) return made;
    Component component(value, place, budget);
    const std::string type = component.type();
    if (type == "Sequence") {
        const auto& list = component.list("processors");
        for (std::size_t i = 0; i < list.size(); ++i) {
            // Each puts its tokens around what those before it made.
            const PostProcessor next = makePostProcessor(list[i], place.at("processors").at(i), budget);
            made.before.insert(made.before.begin(), next.before.begin(), next.before.end());
            made.after.insert(made.after.end(), next.after.begin(), next.after.end());
        }
    } else if (type == "ByteLevel") {
        for (const char* key : {"add_prefix_space", "trim_offsets", "use_regex"}) component.ignore(key);
    } else if (type == "TemplateProcessing") {
        made = readTemplate(component);
    } else if (type == "RobertaProcessing" || type == "BertProcessing") {
        made.before = {pairedId(component, "cls")};
        made.after = {pairedId(component, "sep")};
        for (const char* key : {"add_prefix_space", "trim_offsets"}) component.ignore(key);
    } else {
        throw component.unknownType(kKnown);
    }
    component.done();
    return made;
}

}  // namespace rheo
