#include "widgets/views/routing_view.h"

#include <algorithm>

#include "core/dynamics/routing.h"
#include "core/session/recipe_figure.h"
#include "widgets/viewmodels/equivalent_command.h"
#include "widgets/viewmodels/prompt_queue.h"
#include "widgets/viewmodels/shell_line.h"

namespace rheo {

namespace {

RoutingFile routingOf(const LoadedModel& loaded, const std::vector<std::vector<std::int32_t>>& prompts,
                      Progress& progress) {
    RoutingFile file;
    file.routing = routePrompts(*loaded.model, prompts, {}, progress);
    file.model = loaded.model->identity();
    for (std::size_t i = 0; i < prompts.size(); ++i)
        for (const std::int32_t id : prompts[i]) {
            file.ids.push_back(id);
            file.prompts.push_back(static_cast<std::int32_t>(i));
            if (loaded.tokenizer) file.tokenTexts.try_emplace(id, loaded.tokenizer->pieceText(id));
        }
    return file;
}

}  // namespace

RoutingView::RoutingView(const FigureView& figure, const ViewContext& context)
    : ComputedView(figure, context, tr("Run the prompts")) {
    connect(&m_selection, &Selection::promptChanged, this, &ComputedView::refresh);
}

QString RoutingView::whyNot() const {
    if (const QString why = ComputedView::whyNot(); !why.isEmpty()) return why;
    if (!m_workspace.model()->model->config().experts)
        return tr(
            "This model has one MLP in each block: no router chooses among experts. Mixtral, Qwen2-MoE, "
            "Qwen3-MoE and OLMoE have experts.");
    return m_workspace.prompts().count() == 0 ? tr("Add a prompt in the list on the left.") : QString();
}

void RoutingView::compute() {
    const auto& queue = m_workspace.prompts();
    std::vector<std::vector<std::int32_t>> prompts;
    std::vector<PromptId> ids;
    for (int i = 0; i < queue.count(); ++i) {
        const PromptItem item = queue.at(i);
        auto tokens = queue.sampleOf(item.id).tokenIds;
        if (item.status != PromptStatus::Ready || tokens.empty()) continue;
        prompts.push_back(std::move(tokens));
        ids.push_back(item.id);
    }
    if (prompts.empty()) return;
    start(
        tr("Route the prompts"),
        [loaded = m_workspace.model(), prompts](Progress& progress) {
            return std::make_shared<const RoutingFile>(routingOf(*loaded, prompts, progress));
        },
        [this, ids](std::shared_ptr<const RoutingFile> made) {
            m_routing = std::move(made);
            m_prompts = ids;
        });
}

void RoutingView::forget() {
    m_routing = nullptr;
    m_prompts.clear();
}

/// The selected prompt, or the first where that was not run.
std::int32_t RoutingView::shownPrompt() const {
    const auto found = std::find(m_prompts.begin(), m_prompts.end(), m_selection.prompt());
    return found == m_prompts.end() ? 0 : static_cast<std::int32_t>(found - m_prompts.begin());
}

std::vector<std::pair<std::string, std::string>> RoutingView::moreOptions() const {
    return {{"prompt", std::to_string(shownPrompt())}};
}

std::shared_ptr<const Figure> RoutingView::makeFigure(const Recipe& recipe) const {
    return m_routing ? std::make_shared<const Figure>(figureOfRouting(*m_routing, recipe)) : nullptr;
}

std::optional<OwnFile> RoutingView::ownFile() const {
    if (!m_routing) return std::nullopt;
    return OwnFile{"routing", QStringLiteral(".routing.h5"),
                   [made = m_routing](const std::filesystem::path& file, IfExists ifExists) {
                       writeRoutingFile(file, *made, ifExists);
                   }};
}

QString RoutingView::command() const {
    const auto loaded = m_workspace.model();
    if (!m_routing || !loaded) return {};
    QStringList words{"rheo", "routing"};
    for (const std::string& word : modelWordsOf(*loaded)) words << QString::fromStdString(word);
    if (m_prompts.size() == 1) {
        QStringList ids;
        for (const auto id : m_routing->ids) ids << QString::number(id);
        words << "--ids" << ids.join(',');
    } else {
        words << "--prompts"
              << "prompts.txt";
    }
    words << "--out"
          << "routing.h5";
    return shellLine(words) +
           QStringLiteral(" && rheo figure routing.h5 --view routing --prompt %1 --out routing.svg")
               .arg(shownPrompt());
}

void RoutingView::clicked(const std::map<AxisKind, qint64>& ids) {
    if (!m_routing) return;
    if (const auto token = ids.find(AxisKind::Tokens); token != ids.end()) {
        const PromptId shown = m_prompts.at(static_cast<std::size_t>(shownPrompt()));
        if (m_selection.prompt() != shown) m_selection.selectPrompt(shown);
        m_selection.selectToken(static_cast<int>(token->second));
    }
    if (const auto point = ids.find(AxisKind::Points);
        point != ids.end() && point->second < std::ssize(m_workspace.points()))
        m_selection.selectPoint(PointIndex{point->second});
}

}  // namespace rheo
