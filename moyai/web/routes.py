"""The whole URL table. Each line: method, path, handler, who may call it, what it is."""

from __future__ import annotations

from moyai.web import (
    authorize,
    city_map,
    consent,
    consent_seeing,
    consent_sharing,
    desk,
    identity_api,
    log,
    login,
    ngsi,
    oauth,
    operations,
    personal,
    portal,
    portal_proof,
    portal_services,
    portal_sharing,
    static_files,
)
from moyai.web.operation import Client, Operation, PortalSession, Public, Resident, StaffSession

_SUBJECT = "/personal/v1/subjects/{subject}"
_ITEMS = f"{_SUBJECT}/datasets/{{dataset}}/items"

_SERVICE = "/consent/v1/services/{service}"
_RESIDENT = Resident("consent")

_DESK = StaffSession("desk")

# fmt: off
ROUTES: tuple[Operation, ...] = (
    # --- OAuth 2.0 and OpenID Connect ---------------------------------------------------------------
    Operation("GET", "/.well-known/openid-configuration", oauth.metadata, Public(), ja="OpenID プロバイダーの設定", en="OpenID provider metadata", errors="oauth"),
    Operation("GET", "/.well-known/oauth-authorization-server", oauth.metadata, Public(), ja="認可サーバーの設定", en="Authorization server metadata", errors="oauth"),
    Operation("GET", "/oauth2/jwks", oauth.jwks, Public(), ja="トークンを検証する公開鍵", en="Public keys of tokens", errors="oauth"),
    Operation("POST", "/oauth2/par", oauth.push_request, Public(), ja="認可リクエストの事前登録", en="Push an authorization request", errors="oauth"),
    Operation("GET", "/oauth2/authorize", authorize.authorize, Public(), ja="認可（ブラウザー）", en="Authorize (browser)", errors="page"),
    Operation("POST", "/oauth2/authorize", authorize.authorize, Public(), ja="認可（フォームで送る）", en="Authorize (by form)", errors="page"),
    Operation("POST", "/oauth2/token", oauth.token, Public(), ja="トークンの発行", en="Obtain tokens", errors="oauth"),
    Operation("GET", "/oauth2/userinfo", oauth.userinfo, Resident("openid"), ja="住民の識別子", en="The resident's subject"),
    Operation("POST", "/oauth2/revoke", oauth.revoke, Public(), ja="認可の取消し", en="Revoke a token", errors="oauth"),
    Operation("GET", "/oauth2/logout", authorize.end_session, Public(), ja="サービスからのログアウト", en="Log out, asked by a service", errors="page"),
    Operation("POST", "/oauth2/logout", authorize.end_session, Public(), ja="サービスからのログアウト（フォームで送る）", en="Log out, asked by a service (by form)", errors="page"),
    # --- log in ---------------------------------------------------------------------------------------
    Operation("GET", "/login", login.show_login, Public(), ja="ログイン", en="Log in", errors="page"),
    Operation("POST", "/login", login.take_password, Public(), ja="パスワードの確認", en="Check the password", errors="page"),
    Operation("GET", "/login/code", login.show_code, Public(), ja="確認コードの入力", en="Ask for the code", errors="page"),
    Operation("POST", "/login/code", login.take_code, Public(), ja="確認コードの確認", en="Check the code", errors="page"),
    Operation("POST", "/logout", authorize.logout, Public(), ja="ログアウト", en="Log out", errors="page"),
    # --- desk and identity ----------------------------------------------------------------------------
    Operation("POST", "/identity/v1/residents", identity_api.enrol, Client("identity:enrol"), ja="住民の登録", en="Enrol a resident"),
    Operation("GET", "/identity/v1/residents", identity_api.search, Client("identity:enrol"), ja="住民を探す", en="Find residents"),
    Operation("POST", "/identity/v1/residents/{resident}/credentials", identity_api.issue_login, Client("identity:enrol"), ja="ログインの発行", en="Issue a login"),
    Operation("POST", "/identity/v1/residents/{resident}/authenticator", identity_api.recover, Client("identity:recover"), ja="認証手段の再発行", en="Recover a lost authenticator"),
    Operation("POST", "/identity/v1/residents/{resident}/proofing", identity_api.proof_again, Client("identity:enrol"), ja="身元確認のやり直し", en="Proof identity again"),
    Operation("PUT", "/identity/v1/residents/{resident}/residence", identity_api.move, Client("identity:enrol"), ja="転居", en="Move residence"),
    Operation("POST", "/identity/v1/residents/{resident}/erasure", identity_api.erase, Client("identity:erase"), ja="住民の情報の消去", en="Erase a resident"),
    Operation("GET", "/desk", desk.home, _DESK, ja="窓口", en="The desk", errors="page"),
    Operation("POST", "/desk/search", desk.search, _DESK, ja="窓口で住民を探す", en="Find residents at the desk", errors="page"),
    Operation("GET", "/desk/enrol", desk.show_enrolment, _DESK, ja="窓口での登録", en="Enrol at the desk", errors="page"),
    Operation("POST", "/desk/enrol", desk.take_enrolment, _DESK, ja="窓口での登録の実行", en="Enrol", errors="page"),
    Operation("GET", "/desk/residents/{resident}", desk.record, _DESK, ja="住民の記録", en="A resident's record", errors="page"),
    Operation("POST", "/desk/residents/{resident}/credentials", desk.issue_login, _DESK, ja="窓口でのログインの発行", en="Issue a login at the desk", errors="page"),
    Operation("GET", "/desk/residents/{resident}/recover", desk.ask_recovery, _DESK, ja="再発行の確認", en="Recover: are you sure", errors="page"),
    Operation("POST", "/desk/residents/{resident}/recover", desk.recover, _DESK, ja="窓口での再発行", en="Recover at the desk", errors="page"),
    Operation("POST", "/desk/residents/{resident}/proofing", desk.proof_again, _DESK, ja="窓口での身元確認", en="Proof identity at the desk", errors="page"),
    Operation("GET", "/desk/residents/{resident}/move", desk.ask_move, _DESK, ja="転居の入力", en="Move: new address", errors="page"),
    Operation("POST", "/desk/residents/{resident}/move", desk.move, _DESK, ja="窓口での転居", en="Move at the desk", errors="page"),
    Operation("GET", "/desk/residents/{resident}/erase", desk.ask_erasure, _DESK, ja="消去の確認", en="Erase: are you sure", errors="page"),
    Operation("POST", "/desk/residents/{resident}/erase", desk.erase, _DESK, ja="窓口での消去", en="Erase at the desk", errors="page"),
    # --- registry and console -------------------------------------------------------------------------
    # --- consent: the resident's and the touch point's API --------------------------------------------
    Operation("GET", "/consent/v1/services", consent.list_services, _RESIDENT, ja="選べるサービス", en="Services on offer"),
    Operation("POST", f"{_SERVICE}/enrolment", consent.begin_enrolment, _RESIDENT, ja="手順1 サービスを選ぶ", en="Step 1: choose the service"),
    Operation("GET", f"{_SERVICE}/enrolment", consent.enrolment_state, _RESIDENT, ja="手順の進み具合", en="How far the steps are"),
    Operation("DELETE", f"{_SERVICE}/enrolment", consent.leave_enrolment, _RESIDENT, ja="手順をやめる", en="Leave or decline"),
    Operation("POST", f"{_SERVICE}/enrolment/service-terms", consent.accept_service_terms, _RESIDENT, ja="手順2 サービス利用規約", en="Step 2: the service's terms"),
    Operation("POST", f"{_SERVICE}/enrolment/platform", consent.recognize_platform, _RESIDENT, ja="手順3 つながる基盤を知る", en="Step 3: the platform it connects to"),
    Operation("POST", f"{_SERVICE}/enrolment/platform-terms", consent.accept_platform_terms, _RESIDENT, ja="手順4 基盤利用規約", en="Step 4: the platform's terms"),
    Operation("GET", f"{_SERVICE}/presentation", consent.present, _RESIDENT, ja="同意の前に読む説明", en="The text to decide on"),
    Operation("POST", f"{_SERVICE}/decision", consent.decide, _RESIDENT, ja="手順5 決める", en="Step 5: decide"),
    Operation("POST", f"{_SERVICE}/withdrawal", consent.withdraw, _RESIDENT, ja="同意の撤回", en="Withdraw"),
    Operation("GET", "/consent/v1/overview", consent_seeing.see_overview, _RESIDENT, ja="だれが使えるか、どこにあるか、どう止めるか", en="Who may use my data, where is it, how do I stop it"),
    Operation("GET", "/consent/v1/consents", consent_seeing.list_consents, _RESIDENT, ja="同意の一覧", en="My consents"),
    Operation("GET", "/consent/v1/locations", consent_seeing.see_locations, _RESIDENT, ja="データのある場所", en="Where my data lies"),
    Operation("GET", "/consent/v1/history", consent_seeing.see_history, _RESIDENT, ja="データの動きの記録", en="What happened with my data"),
    Operation("GET", "/consent/v1/receipts/{act}", consent_seeing.see_receipt, _RESIDENT, ja="同意の控え", en="A receipt"),
    Operation("GET", "/consent/v1/keys", consent_seeing.keys, Public(), ja="控えを確かめる公開鍵", en="Keys that verify receipts"),
    Operation("GET", "/consent/v1/sharings", consent_sharing.list_sharings, _RESIDENT, ja="共有の一覧", en="Sharings"),
    Operation("POST", "/consent/v1/sharings", consent_sharing.share, _RESIDENT, ja="家族などと共有する", en="Share with somebody"),
    Operation("POST", "/consent/v1/sharings/accept", consent_sharing.accept, _RESIDENT, ja="共有の番号を使う", en="Take a sharing's code"),
    Operation("DELETE", "/consent/v1/sharings/{sharing}", consent_sharing.end, _RESIDENT, ja="共有を終わる", en="End a sharing"),
    Operation("GET", "/consent/v1/sharings/{sharing}/items", consent_sharing.items, _RESIDENT, ja="共有されたデータを見る", en="Look at what is shared"),
    # --- portal ---------------------------------------------------------------------------------------
    Operation("GET", "/", portal.landing, Public(), ja="入口", en="Front page", errors="page"),
    Operation("GET", "/static/{version}/{path:path}", static_files.static_file, Public(), ja="画面の部品", en="Parts of pages", errors="page"),
    Operation("GET", "/errors/{code}", portal.explain_code, Public(), ja="コードの説明", en="What a code means", errors="page"),
    Operation("GET", "/portal", portal.home, PortalSession(), ja="わたしのデータ", en="My data", errors="page"),
    Operation("GET", "/portal/data", portal.data, PortalSession(), ja="データの場所", en="Where my data lies", errors="page"),
    Operation("GET", "/portal/consents", portal.consents, PortalSession(), ja="同意の確認と変更", en="My consents", errors="page"),
    Operation("GET", "/portal/receipts/{act}", portal.receipt, PortalSession(), ja="同意の控え", en="A receipt", errors="page"),
    Operation("GET", "/portal/history", portal.movements, PortalSession(), ja="動きの記録", en="History", errors="page"),
    Operation("GET", "/portal/history/{entry}", portal_proof.proof, PortalSession(), ja="記録の証明", en="Proof of a record", errors="page"),
    Operation("GET", "/portal/services", portal_services.services, PortalSession(), ja="サービスをえらぶ", en="Choose a service", errors="page"),
    Operation("GET", "/portal/services/{service}", portal_services.service, PortalSession(), ja="利用開始の手順", en="The five steps", errors="page"),
    Operation("POST", "/portal/services/{service}/enrolment", portal_services.enrol, PortalSession(), ja="手順を進める", en="Take a step", errors="page"),
    Operation("POST", "/portal/services/{service}/decision", portal_services.decide, PortalSession(), ja="決める", en="Decide", errors="page"),
    Operation("GET", "/portal/services/{service}/withdrawal", portal_services.ask_withdrawal, PortalSession(), ja="止める前の確認", en="Before stopping", errors="page"),
    Operation("POST", "/portal/services/{service}/withdrawal", portal_services.withdraw, PortalSession(), ja="止める", en="Stop", errors="page"),
    Operation("GET", "/portal/sharing", portal_sharing.sharings, PortalSession(), ja="家族と共有", en="Sharing", errors="page"),
    Operation("POST", "/portal/sharing", portal_sharing.share, PortalSession(), ja="合言葉をつくる", en="Offer to share", errors="page"),
    Operation("POST", "/portal/sharing/accept", portal_sharing.accept, PortalSession(), ja="合言葉を使う", en="Take a code", errors="page"),
    Operation("GET", "/portal/sharing/{sharing}", portal_sharing.look, PortalSession(), ja="共有されたデータ", en="Shared data", errors="page"),
    Operation("POST", "/portal/sharing/{sharing}/end", portal_sharing.end, PortalSession(), ja="共有を終わりにする", en="End a sharing", errors="page"),
    # --- personal data --------------------------------------------------------------------------------
    Operation("POST", "/personal/v1/exchange", personal.exchange, Client("personal:exchange", "ledger"), "データ連携", "Exchange"),
    Operation("PUT", f"{_ITEMS}/{{item}}", personal.put_item, Client("personal:store"), "データの登録", "Store an item"),
    Operation("POST", _ITEMS, personal.put_items, Client("personal:store"), "データの一括登録", "Store many items"),
    Operation("GET", _ITEMS, personal.own_items, Client("personal:store"), "自らのデータの取得", "Read own items"),
    Operation("DELETE", f"{_ITEMS}/{{item}}", personal.delete_item, Client("personal:store"), "データの削除", "Delete an item"),
    Operation("GET", f"{_SUBJECT}/locations", personal.locations, Client("personal:exchange"), "データの所在", "Locate data"),
    # --- city data (NGSI) -----------------------------------------------------------------------------
    *ngsi.OPERATIONS,
    Operation("GET", "/map", city_map.city_map, Public(), ja="まちのデータの地図", en="Map of city data", errors="page"),
    # --- the log, public ------------------------------------------------------------------------------
    Operation("GET", "/log/v1/checkpoint", log.checkpoint, Public(), ja="最新のチェックポイント", en="The newest checkpoint"),
    Operation("GET", "/log/v1/checkpoints", log.checkpoints, Public(), ja="チェックポイントの一覧", en="The chain of checkpoints"),
    Operation("GET", "/log/v1/tile/{path:path}", log.tile, Public(), ja="ハッシュ木のタイル", en="Tiles and entry bundles"),
    Operation("GET", "/log/v1/proof/inclusion", log.inclusion, Public(), ja="記録が含まれることの証明", en="Inclusion proof"),
    Operation("GET", "/log/v1/proof/consistency", log.consistency, Public(), ja="追記だけであることの証明", en="Consistency proof"),
    Operation("GET", "/log/v1/keys", log.keys, Public(), ja="記録を確かめる公開鍵", en="Keys of the log and its witnesses"),
    # --- operations -----------------------------------------------------------------------------------
    Operation("GET", "/health", operations.health, Public(), "稼働の確認", "Probe"),
    Operation("GET", "/metrics", operations.metrics, Public(), "計測値", "Metrics"),
)
