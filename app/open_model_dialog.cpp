#include "app/open_model_dialog.h"

#include <QComboBox>
#include <QDialogButtonBox>
#include <QFormLayout>
#include <QLabel>
#include <QLocale>
#include <QPushButton>
#include <QSpinBox>
#include <QThread>

namespace rheo {

OpenModelDialog::OpenModelDialog(std::shared_ptr<const Checkpoint> checkpoint, QWidget* parent)
    : QDialog(parent),
      m_checkpoint(std::move(checkpoint)),
      m_device(new QComboBox),
      m_dtype(new QComboBox),
      m_threads(new QSpinBox),
      m_forecast(new QLabel) {
    setWindowTitle(tr("Open a model"));
    const ModelConfig& c = m_checkpoint->config();
    auto* what = new QLabel(
        tr("<b>%1</b><br>%2, %3 blocks of %4 units, vocabulary of %5%6")
            .arg(QString::fromStdString(m_checkpoint->folder().filename().string()).toHtmlEscaped(),
                 QString::fromStdString(c.architecture))
            .arg(c.layers)
            .arg(c.dModel)
            .arg(c.vocabulary)
            .arg(m_checkpoint->tokenizerPath() ? QString()
                                               : tr("; no tokenizer.json: prompts as token ids only")));
    m_device->addItem(tr("Processor"), "cpu");
    m_device->addItem(tr("GPU (CUDA)"), "cuda");
    m_dtype->addItem("float32", int(DType::Float32));
    m_dtype->addItem("bfloat16", int(DType::BFloat16));
    m_threads->setRange(0, 1024);
    m_threads->setSpecialValueText(tr("one per core (%1)").arg(QThread::idealThreadCount()));
    m_forecast->setWordWrap(true);
    m_forecast->setMinimumWidth(360);
    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Open | QDialogButtonBox::Cancel);
    auto* form = new QFormLayout(this);
    form->addRow(what);
    form->addRow(tr("&Device"), m_device);
    form->addRow(tr("&Number type"), m_dtype);
    form->addRow(tr("&Threads"), m_threads);
    form->addRow(m_forecast);
    form->addRow(buttons);
    connect(buttons, &QDialogButtonBox::accepted, this, &QDialog::accept);
    connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
    connect(m_dtype, &QComboBox::currentIndexChanged, this, &OpenModelDialog::forecast);
    forecast();
}

void OpenModelDialog::forecast() {
    const ModelConfig& c = m_checkpoint->config();
    const auto need = m_checkpoint->forecast(DType(m_dtype->currentData().toInt()), 8,
                                             std::min<std::int64_t>(512, c.maxPositions));
    QString text =
        tr("Needs %1 to load and %2 to capture.")
            .arg(QLocale().formattedDataSize(need.loadBytes), QLocale().formattedDataSize(need.captureBytes));
    if (const auto available = availableMemory()) {
        text += tr(" %1 are available.").arg(QLocale().formattedDataSize(*available));
        if (*available < need.peakLoadBytes)
            text += tr(" That is not enough; choose bfloat16, or close other programs.");
    }
    m_forecast->setText(text);
}

ModelOptions OpenModelDialog::options() const {
    ModelOptions options;
    options.device = m_device->currentData().toString().toStdString();
    options.dtype = DType(m_dtype->currentData().toInt());
    options.threads = m_threads->value();
    return options;
}

}  // namespace rheo
