// A page as OneSignal's documentation has it written: a queue, init, a listener, a button. Nothing of it names Steeple.
window.asked = 0; // how often the browser was told to ask for permission
window.changes = [];
window.notified = []; // what the page heard of notifications
window.faults = [];

addEventListener('error', (event) => faults.push(event.message));
addEventListener('unhandledrejection', (event) => faults.push(String(event.reason)));
addEventListener('securitypolicyviolation', (event) => faults.push(`${event.violatedDirective} ${event.blockedURI}`));

const ask = Notification.requestPermission;
Notification.requestPermission = function requestPermission(...rest) {
  window.asked += 1;
  return ask.apply(Notification, rest);
};

window.OneSignalDeferred = window.OneSignalDeferred || [];
OneSignalDeferred.push(async function (OneSignal) {
  OneSignal.User.PushSubscription.addEventListener('change', function (event) {
    changes.push(event.current);
  });
  ['foregroundWillDisplay', 'click'].forEach(function (name) {
    OneSignal.Notifications.addEventListener(name, function (event) {
      notified.push([name, event.notification.notificationId, event.result && event.result.url]);
    });
  });
  document.getElementById('yes').addEventListener('click', function () {
    OneSignal.Notifications.requestPermission();
  });
  await OneSignal.init({
    appId: '3f8a9c1e-5c1d-4b5e-9d6f-0123456789ab',
    notifyButton: { enable: true },
    welcomeNotification: { disable: true },
  });
  OneSignal.User.addTag('page', 'taper');
  await OneSignal.Session.sendOutcome('seen');
  window.isReady = true;
});
