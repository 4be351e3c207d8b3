// The few words of ours around the messages, by language: title, close, nothing there, more, new, a message (of a banner).

export const WORDS = {
  ar: ['الرسائل', 'إغلاق', 'لا توجد رسائل بعد', 'المزيد', 'جديد', 'رسالة'],
  cs: ['Zprávy', 'Zavřít', 'Zatím žádné zprávy', 'Další', 'Nové', 'Zpráva'],
  da: ['Beskeder', 'Luk', 'Ingen beskeder endnu', 'Flere', 'Ny', 'Besked'],
  de: ['Nachrichten', 'Schließen', 'Noch keine Nachrichten', 'Mehr', 'Neu', 'Nachricht'],
  en: ['Messages', 'Close', 'No messages yet', 'More', 'New', 'Message'],
  es: ['Mensajes', 'Cerrar', 'Aún no hay mensajes', 'Más', 'Nuevo', 'Mensaje'],
  fi: ['Viestit', 'Sulje', 'Ei vielä viestejä', 'Lisää', 'Uusi', 'Viesti'],
  fr: ['Messages', 'Fermer', 'Pas encore de message', 'Plus', 'Nouveau', 'Message'],
  he: ['הודעות', 'סגירה', 'אין הודעות עדיין', 'עוד', 'חדש', 'הודעה'],
  it: ['Messaggi', 'Chiudi', 'Ancora nessun messaggio', 'Altri', 'Nuovo', 'Messaggio'],
  ja: ['メッセージ', '閉じる', 'まだメッセージはありません', 'もっと見る', '新着', 'メッセージ'],
  nl: ['Berichten', 'Sluiten', 'Nog geen berichten', 'Meer', 'Nieuw', 'Bericht'],
  pl: ['Wiadomości', 'Zamknij', 'Nie ma jeszcze wiadomości', 'Więcej', 'Nowa', 'Wiadomość'],
  pt: ['Mensagens', 'Fechar', 'Ainda sem mensagens', 'Mais', 'Nova', 'Mensagem'],
  sv: ['Meddelanden', 'Stäng', 'Inga meddelanden än', 'Fler', 'Nytt', 'Meddelande'],
  tr: ['Mesajlar', 'Kapat', 'Henüz mesaj yok', 'Daha fazla', 'Yeni', 'Mesaj'],
  uk: ['Повідомлення', 'Закрити', 'Повідомлень ще немає', 'Ще', 'Нове', 'Повідомлення'],
};
