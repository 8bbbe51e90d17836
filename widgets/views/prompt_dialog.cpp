#include "widgets/views/prompt_dialog.h"

#include <QDialog>
#include <QDialogButtonBox>
#include <QLabel>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QShortcut>
#include <QVBoxLayout>

namespace rheo {

QString askForPrompt(QWidget* parent, const QString& title, const QString& explanation, const QString& text) {
    QDialog dialog(parent);
    dialog.setWindowTitle(title);
    auto* edit = new QPlainTextEdit(text);
    edit->setTabChangesFocus(true);
    edit->setAccessibleName(QObject::tr("Text of the prompt"));
    edit->setToolTip(QObject::tr("The model reads it unchanged, with spaces and line breaks"));
    edit->selectAll();
    auto* about = new QLabel(explanation);
    about->setWordWrap(true);
    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Cancel);
    auto* run = buttons->addButton(QObject::tr("&Run"), QDialogButtonBox::AcceptRole);
    run->setToolTip(QObject::tr("Ctrl+Enter"));
    auto* layout = new QVBoxLayout(&dialog);
    layout->addWidget(about);
    layout->addWidget(edit);
    layout->addWidget(buttons);
    dialog.resize(460, 220);
    const auto enable = [=] { run->setEnabled(!edit->toPlainText().isEmpty()); };
    QObject::connect(edit, &QPlainTextEdit::textChanged, run, enable);
    QObject::connect(buttons, &QDialogButtonBox::accepted, &dialog, &QDialog::accept);
    QObject::connect(buttons, &QDialogButtonBox::rejected, &dialog, &QDialog::reject);
    for (const auto key : {Qt::CTRL | Qt::Key_Return, Qt::CTRL | Qt::Key_Enter})
        QObject::connect(new QShortcut(QKeySequence(key), &dialog), &QShortcut::activated, run,
                         &QPushButton::click);
    enable();
    run->setDefault(true);
    return dialog.exec() == QDialog::Accepted ? edit->toPlainText() : QString();
}

}  // namespace rheo
