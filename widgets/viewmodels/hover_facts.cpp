#include "widgets/viewmodels/hover_facts.h"

#include <QLocale>
#include <utility>

#include "core/dynamics/teleport_result.h"
#include "core/figure/teleport_figure.h"

namespace rheo {

QString tokenAndProbability(const QString& token, double probability) {
    const double percent = 100 * probability;
    return QStringLiteral("%1 %2 %").arg(token, QLocale().toString(percent, 'f', percent < 9.95 ? 1 : 0));
}

HoverFacts::HoverFacts(Workspace& workspace, QObject* parent)
    : QObject(parent),
      m_workspace(workspace),
      m_read(
          workspace.jobs(), {Lane::Io, tr("Norms of a row")},
          [](const Request& request, Progress&) {
              const Trace& trace = *request.trace;
              MatrixF states(trace.points(), trace.units());
              trace.readRows(request.row, 1, states.data());
              const VectorD norms = states.cast<double>().rowwise().norm();
              return States{{norms.begin(), norms.end()}, states.row(states.rows() - 1).transpose()};
          },
          [this](quint64, const Request& request, Outcome<States> outcome) {
              if (const Failure* failure = outcome.failure())
                  return m_workspace.fail(tr("Read the row"), *failure);
              m_workspace.succeed(tr("Read the row"));
              if (request.trace != m_asked.trace || request.row != m_asked.row) return;
              m_norms = outcome.result()->norms;
              Q_EMIT changed();
              askNext(*outcome.result());
          }),
      m_unembed(
          workspace.jobs(), {Lane::Model, tr("Next token of a row")},
          [](const NextRequest& request, Progress& progress) {
              const MatrixF state = request.state.transpose();
              const auto likeliest =
                  topTokens(request.loaded->model->unembed(state, progress).row(0).transpose(), 1);
              if (likeliest.empty()) return QString();
              const auto& tokenizer = request.loaded->tokenizer;
              return tokenAndProbability(
                  tokenizer ? QString::fromStdString(visibleToken(tokenizer->pieceText(likeliest[0].id)))
                            : QString::number(likeliest[0].id),
                  likeliest[0].probability);
          },
          [this](quint64, const NextRequest& request, Outcome<QString> outcome) {
              if (const Failure* failure = outcome.failure())
                  return m_workspace.fail(tr("Compute the next token"), *failure);
              m_workspace.succeed(tr("Compute the next token"));
              if (request.of.trace != m_asked.trace || request.of.row != m_asked.row) return;
              m_next = *outcome.result();
              Q_EMIT changed();
          }) {}

void HoverFacts::ask(RowIndex row) {
    const auto& trace = m_workspace.state()->trace;
    if (!trace || row.value() >= trace->rows() || isOf(row)) return;
    m_asked = {trace, row};
    m_norms.clear();
    m_next.clear();
    m_unembed.drop();
    m_read.post(m_asked);
}

/// The last state, where it is the model's last.
void HoverFacts::askNext(const States& states) {
    const auto model = m_workspace.model();
    const auto last = m_workspace.modelPoint(PointIndex{m_asked.trace->points() - 1});
    if (!model || !last || last->value() + 1 != static_cast<std::int64_t>(model->model->points().size()))
        return;
    m_unembed.post({model, m_asked, states.last});
}

bool HoverFacts::isOf(RowIndex row) const {
    return m_asked.trace && m_asked.trace == m_workspace.state()->trace && m_asked.row == row;
}

std::optional<double> HoverFacts::norm(RowIndex row, PointIndex point) const {
    if (!isOf(row) || static_cast<std::size_t>(point.value()) >= m_norms.size()) return std::nullopt;
    return m_norms[static_cast<std::size_t>(point.value())];
}

QString HoverFacts::next(RowIndex row) const {
    return isOf(row) ? m_next : QString();
}

}  // namespace rheo
