#include "core/trace/row_selection.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <unordered_map>

#include "core/base/error.h"

namespace rheo {

namespace {

using Field = RowSelection::Field;
using Comparison = RowSelection::Comparison;

struct FieldName {
    const char* name;
    Field field;
    bool isText;
};
constexpr std::array<FieldName, 4> fields{{{"position", Field::Position, false},
                                           {"sample", Field::Sample, false},
                                           {"group", Field::Group, true},
                                           {"token", Field::Token, true}}};

/// Longer ones before those that they begin with.
struct ComparisonName {
    const char* name;
    Comparison comparison;
};
constexpr std::array<ComparisonName, 7> comparisons{{{">=", Comparison::GreaterOrEqual},
                                                     {"<=", Comparison::LessOrEqual},
                                                     {"!=", Comparison::NotEqual},
                                                     {"==", Comparison::Equal},
                                                     {"=", Comparison::Equal},
                                                     {">", Comparison::Greater},
                                                     {"<", Comparison::Less}}};

/// Reads a selection from left to right.
class Reader {
public:
    explicit Reader(const std::string& text) : m_text(text) {}

    bool atEnd() const { return m_at == m_text.size(); }
    void skipSpaces() {
        while (!atEnd() && m_text[m_at] == ' ') ++m_at;
    }
    bool take(const std::string& word) {
        if (m_text.compare(m_at, word.size(), word) != 0) return false;
        m_at += word.size();
        return true;
    }

    RowSelection::Condition condition() {
        const FieldName& field = takeField();
        skipSpaces();
        RowSelection::Condition condition{field.field, takeComparison(), 0, {}};
        const bool ordered =
            condition.comparison != Comparison::Equal && condition.comparison != Comparison::NotEqual;
        if (field.isText && ordered) refuse(fmt::format("{} is a text, and takes = and != only", field.name));
        skipSpaces();
        const std::string value = takeValue();
        if (field.isText) {
            condition.text = value;
            return condition;
        }
        const char* const end = value.data() + value.size();
        const auto [stop, error] = std::from_chars(value.data(), end, condition.number);
        if (error != std::errc{} || stop != end) refuse(fmt::format("\"{}\" is not a whole number", value));
        return condition;
    }

    [[noreturn]] void refuse(const std::string& why) const {
        throw Error(
            ErrorCode::InvalidArgument,
            fmt::format("--select {}: {}; the fields are position and sample (numbers: = != < <= > >=), "
                        "group and token (texts: = !=), as in position>=1,token=\" Paris\"",
                        m_text, why));
    }

private:
    const FieldName& takeField() {
        for (const auto& field : fields)
            if (take(field.name)) return field;
        const std::size_t end = m_text.find_first_of("=!<>, ", m_at);
        const std::string word = m_text.substr(m_at, end == std::string::npos ? end : end - m_at);
        refuse(word.empty() ? std::string("a field is missing")
                            : fmt::format("there is no field \"{}\"", word));
    }
    Comparison takeComparison() {
        for (const auto& known : comparisons)
            if (take(known.name)) return known.comparison;
        refuse("a comparison is missing behind a field");
    }
    std::string takeValue() {
        if (take("\"")) return takeQuoted();
        const std::size_t end = std::min(m_text.find(',', m_at), m_text.size());
        std::string value = m_text.substr(m_at, end - m_at);
        m_at = end;
        while (!value.empty() && value.back() == ' ') value.pop_back();
        if (value.empty()) refuse("a value is missing behind a comparison");
        return value;
    }
    std::string takeQuoted() {
        std::string value;
        while (!take("\"")) {
            if (atEnd()) refuse("a quotation mark is not closed");
            const bool escaped = take("\\");
            if (escaped && atEnd()) refuse("a quotation mark is not closed");
            const char c = m_text[m_at++];
            value += !escaped ? c : c == 'n' ? '\n' : c == 't' ? '\t' : c;
        }
        return value;
    }

    const std::string& m_text;
    std::size_t m_at = 0;
};

template <class T>
bool compares(const T& value, Comparison comparison, const T& other) {
    switch (comparison) {
        case Comparison::Equal: return value == other;
        case Comparison::NotEqual: return value != other;
        case Comparison::Less: return value < other;
        case Comparison::LessOrEqual: return value <= other;
        case Comparison::Greater: return value > other;
        case Comparison::GreaterOrEqual: break;
    }
    return value >= other;
}

bool uses(const RowSelection& selection, Field field) {
    return std::any_of(selection.conditions.begin(), selection.conditions.end(),
                       [&](const auto& condition) { return condition.field == field; });
}

bool selects(const RowSelection& selection, const TraceRow& row, const Sample& sample,
             const TokenText& textOf) {
    return std::all_of(selection.conditions.begin(), selection.conditions.end(), [&](const auto& condition) {
        switch (condition.field) {
            case Field::Position:
                return compares<std::int64_t>(row.position, condition.comparison, condition.number);
            case Field::Sample:
                return compares<std::int64_t>(row.sample, condition.comparison, condition.number);
            case Field::Group: return compares(sample.group, condition.comparison, condition.text);
            case Field::Token: break;
        }
        return row.tokenId >= 0 && compares(textOf(row.tokenId), condition.comparison, condition.text);
    });
}

[[noreturn]] void refuseSelection(const RowSelection& selection, const std::string& why) {
    throw Error(ErrorCode::InvalidArgument, fmt::format("--select {}: {}", selection.source, why));
}

void checkFieldsAreThere(const TraceInfo& info, const RowSelection& selection, const TokenText& textOf) {
    const auto hasGroup = [](const Sample& sample) { return !sample.group.empty(); };
    if (uses(selection, Field::Group) && std::none_of(info.samples.begin(), info.samples.end(), hasGroup))
        refuseSelection(selection,
                        "the samples have no groups; prompts give them as JSON Lines with a `group` field");
    if (!selection.usesTokens()) return;
    const auto hasToken = [](const TraceRow& row) { return row.tokenId >= 0; };
    if (std::none_of(info.rows.begin(), info.rows.end(), hasToken))
        refuseSelection(selection, "the trace does not say which tokens its rows are");
    if (!textOf)
        refuseSelection(selection,
                        "the trace holds ids of tokens and not their texts; name the model whose tokenizer "
                        "knows them with --model");
}

}  // namespace

bool RowSelection::usesTokens() const {
    return uses(*this, Field::Token);
}

RowSelection parseSelection(const std::string& text) {
    RowSelection selection;
    selection.source = text;
    Reader reader(text);
    reader.skipSpaces();
    if (reader.atEnd()) return {};
    for (;;) {
        reader.skipSpaces();
        selection.conditions.push_back(reader.condition());
        reader.skipSpaces();
        if (reader.atEnd()) return selection;
        if (!reader.take(",")) reader.refuse("a comma is missing between two conditions");
    }
}

std::vector<std::int64_t> selectedRows(const TraceInfo& info, const RowSelection& selection,
                                       const TokenText& textOf) {
    checkFieldsAreThere(info, selection, textOf);
    std::unordered_map<std::int32_t, std::string> texts;
    const TokenText remembered = [&](std::int32_t id) {
        const auto [there, isNew] = texts.try_emplace(id);
        if (isNew) there->second = textOf(id);
        return there->second;
    };
    const Sample none;
    std::vector<std::int64_t> rows;
    for (std::size_t n = 0; n < info.rows.size(); ++n) {
        const auto sample = static_cast<std::size_t>(info.rows[n].sample);
        if (selects(selection, info.rows[n], sample < info.samples.size() ? info.samples[sample] : none,
                    remembered))
            rows.push_back(static_cast<std::int64_t>(n));
    }
    if (rows.empty() && !selection.conditions.empty())
        refuseSelection(selection, fmt::format("none of the {} rows is selected", info.rows.size()));
    return rows;
}

}  // namespace rheo
